/** The steps after which the next daemon finds something else than before: on disk, in cgroups, or in the kernel. */
export type Transition =
  /** A launch begins: its directory in `state/`, and its record before and after it has its name. */
  | 'directory-made'
  | 'record-written'
  | 'record-renamed'
  /** Fork mode. */
  | 'shim-cgroups-made'
  | 'shim-wanted'
  | 'shim-started'
  | 'start-heard'
  /** Exec mode. */
  | 'stub-moved'
  | 'stub-sent-in'
  | 'entry-seen'
  | 'started-written'
  | 'started-renamed'
  /** A machine has ended. */
  | 'exit-told'
  | 'record-removed'
  | 'shim-cgroups-removed'
  | 'directory-removed';

/** Told of each step right after it, within the call that makes it. For tests, which stop the daemon there. */
export type OnTransition = (transition: Transition) => void;
