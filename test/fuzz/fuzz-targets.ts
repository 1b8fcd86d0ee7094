import type { FuzzTarget } from './fuzz-target.ts';
import { brokerStream } from './targets/broker-stream.ts';
import { cgroupText } from './targets/cgroup-text.ts';
import { configText } from './targets/config-text.ts';
import { kubernetesAnswers } from './targets/kubernetes-answers.ts';
import { launchIdentity } from './targets/launch-identity.ts';
import { launchStream } from './targets/launch-stream.ts';
import { launcherArguments } from './targets/launcher-arguments.ts';
import { libvirtArguments } from './targets/libvirt-arguments.ts';
import { procText } from './targets/proc-text.ts';
import { secretTimes } from './targets/secret-times.ts';
import { shimLines } from './targets/shim-lines.ts';
import { shownText } from './targets/shown-text.ts';
import { tokenText } from './targets/token-text.ts';

/** All fuzzers of the daemon's parsers. */
export const fuzzTargets: readonly FuzzTarget[] = [
  launchStream,
  launchIdentity,
  libvirtArguments,
  cgroupText,
  procText,
  launcherArguments,
  configText,
  shimLines,
  brokerStream,
  secretTimes,
  tokenText,
  shownText,
  kubernetesAnswers,
];
