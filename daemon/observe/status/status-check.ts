/** One thing about the node that was looked at. */
export interface StatusCheck {
  readonly title: string;
  readonly verdict: 'ok' | 'warning' | 'failure' | 'skipped';
  readonly detail: string;
  /** What to do; `null` where there is nothing to be done. */
  readonly remedy: string | null;
}

/** Looks at the node; need not be quick, and is not asked for each look at the page. */
export type RunStatusChecks = () => Promise<readonly StatusCheck[]>;
