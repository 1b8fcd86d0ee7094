const NANOSECONDS = 1_000_000_000n;
/** A ctime this far ahead comes from a clock that was set back since. */
const FUTURE = 2n * NANOSECONDS;

/** Times in nanoseconds since 1970. */
export interface StubTimes {
  /** The ctime of the stub. */
  readonly stub: bigint;
  /** The latest ctime of the links and the file behind `local`. */
  readonly emulator: bigint;
  readonly now: bigint;
  /** They are known to be others than before, whatever their ctimes say; null at the first look. */
  readonly isChanged: boolean | null;
}

/**
 * Whether libvirt has to be made to probe a profile again: `bump` the ctime of its stub, `wait` for the next second, or
 * leave it, since all is `current`.
 *
 * libvirt compares whole seconds. It may have probed the former emulator up to the moment at which that was replaced,
 * with a stub whose ctime was of that very second: only a ctime of a later second tells it for certain.
 */
export function judgeStub({ stub, emulator, now, isChanged }: StubTimes): 'current' | 'bump' | 'wait' {
  const isOlder = second(stub) <= second(emulator);
  if (!isOlder && isChanged !== true) return 'current';
  // Its ctime can't become the later one: once for each emulator must do.
  if (emulator > now + FUTURE) return isChanged === false ? 'current' : 'bump';
  const latest = stub > emulator ? stub : emulator;
  return second(now) > second(latest) || stub > now + FUTURE ? 'bump' : 'wait';
}

function second(nanoseconds: bigint): bigint {
  return nanoseconds / NANOSECONDS;
}
