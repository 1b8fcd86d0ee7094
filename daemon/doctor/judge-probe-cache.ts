import { newFinding, type Finding } from './finding.ts';

export interface ProbeCacheEvidence {
  readonly profile: string;
  readonly stub: string;
  /** Seconds since 1970. */
  readonly stubChangedAt: number;
  /** Text of libvirt's file about that stub; null: it has none. */
  readonly cached: string | null;
  /** Which libvirt. */
  readonly libvirt: string;
}

/** libvirt believes what it remembers as long as the ctime of the stub is the one that it remembers. */
export function judgeProbeCache({
  profile,
  stub,
  stubChangedAt,
  cached,
  libvirt,
}: ProbeCacheEvidence): Finding {
  const subject = profile;
  if (cached === null)
    return newFinding('ok', `${libvirt} has not probed ${stub} yet; the first start waits for that`, {
      subject,
    });
  const seconds = Number(/<qemuctime>(\d+)<\/qemuctime>/u.exec(cached)?.[1] ?? Number.NaN);
  if (Number.isNaN(seconds))
    return newFinding('warning', `what ${libvirt} remembers of ${stub} does not say of when it is`, {
      subject,
      command: `touch -a ${stub}`,
    });
  if (seconds === stubChangedAt)
    return newFinding('ok', `what ${libvirt} remembers of ${stub} is current`, { subject });
  return newFinding(
    'ok',
    `what ${libvirt} remembers of ${stub} is ${seconds < stubChangedAt ? 'older' : 'newer'} than the stub; the next start ` +
      'waits for a new probe',
    { subject },
  );
}
