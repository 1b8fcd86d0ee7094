import type { Context, Runnable, Suite } from 'mocha';

const reasons = new WeakMap<Runnable | Suite, string>();

/**
 * Skips the running test, or all tests of a suite when called from its `before` hook. The reporter lists the reason.
 *
 * @param context `this` of the test or hook.
 * @param reason what this machine lacks, as a clause: `the kernel has no time namespaces`.
 */
export function skip(context: Context, reason: string): never {
  const runnable = context.test ?? context.runnable();
  const isHook = 'type' in runnable && runnable.type === 'hook';
  const scope = isHook ? runnable.parent : undefined;
  reasons.set(scope ?? runnable, reason);
  return context.skip();
}

/** The reason that was given to `skip` for this test or for a suite around it. */
export function skipReason(test: Runnable): string | undefined {
  let scope: Runnable | Suite | undefined = test;
  while (scope !== undefined) {
    const reason = reasons.get(scope);
    if (reason !== undefined) return reason;
    scope = scope.parent;
  }
  return undefined;
}
