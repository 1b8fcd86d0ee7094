import type { IdMap } from './id-map.ts';

/** The user namespace of a pod that has one of its own (`hostUsers: false`). */
export interface PodUsers {
  readonly users: IdMap;
  readonly groups: IdMap;
  /** `setgroups(2)` is allowed in it. */
  readonly mayChooseGroups: boolean;
}
