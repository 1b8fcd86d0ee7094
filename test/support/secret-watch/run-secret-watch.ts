import { SecretWatch } from './secret-watch.ts';

/** That of this run of the tests: what its tests make is noted in one place, and looked for everywhere. */
export const runSecretWatch = new SecretWatch();
