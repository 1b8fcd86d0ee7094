import { namespaceKinds } from '../target/target.ts';
import { logLevels, type LogLevel } from '../observe/log-level.ts';
import { logLevelNames, namespaceKindNames } from './to-proto.ts';

/** The name under `/proc/PID/ns`; a kind that a newer daemon knows is shown as the API names it. */
export function kindFromProto(name: string): string {
  return namespaceKinds.find((kind) => namespaceKindNames[kind] === name) ?? name;
}

/** `undefined` for none, and for one that is not known. */
export function logLevelFromProto(name: string): LogLevel | undefined {
  return logLevels.find((level) => logLevelNames[level] === name);
}

/** `MACHINE_STATE_RUNNING` → `running`, `MACHINE_EXIT_REASON_POD_GONE` → `pod-gone`, `LAUNCH_MODE_EXEC` → `exec`. */
export function wordFromProto(name: string): string {
  return name
    .replace(
      /^(MACHINE_(STATE|EXIT_REASON|EVENT_TYPE)|LAUNCH_(MODE|STEP)|LOG_LEVEL|NODE_CHECK_STATUS|STEP_VERDICT)_/u,
      '',
    )
    .toLowerCase()
    .replaceAll('_', '-');
}
