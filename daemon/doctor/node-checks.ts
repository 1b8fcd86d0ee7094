import type { ExaminedNode } from './examined-node.ts';
import type { Check } from './examination.ts';
import { lookAtEmulators } from './look-at-emulators.ts';
import { lookAtLibvirts } from './look-at-libvirts.ts';
import { lookAtPlaces } from './look-at-places.ts';
import { lookAtProcess } from './look-at-process.ts';
import { lookAtStubs } from './look-at-stubs.ts';

/** Longer than the broker takes for a file that hangs, and than two walks through all processes. */
export const CHECK_LIMIT_MS = 4000;

/** Everything that daemon and command look at alike, in the order in which it is told. */
export function nodeChecks(node: ExaminedNode): readonly Check[] {
  return [
    ...lookAtProcess(node),
    ...lookAtPlaces(node),
    ...lookAtStubs(node),
    ...lookAtEmulators(node),
    ...lookAtLibvirts(node),
  ];
}
