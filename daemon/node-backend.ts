import type { ApiBackend } from './api/api-backend.ts';
import type { Examination } from './doctor/examination.ts';
import type { SecondOpinion } from './kubernetes/second-opinion.ts';
import type { LaunchExplainer } from './launch/launch-explainer.ts';
import type { PinnedTarget } from './launch/pinned-target.ts';
import type { TargetAuthorizer } from './launch/target-authorizer.ts';
import type { TargetFinder } from './launch/target-finder.ts';
import type { MachineRegistry } from './machines/machine-registry.ts';
import type { MachineSupervisor } from './machines/machine-supervisor.ts';
import type { LogVolume } from './observe/logger.ts';
import type { BuildInfo } from './observe/metrics.ts';
import { Secret } from './secret/secret.ts';
import type { Target } from './target/target.ts';

export interface NodeBackendOptions {
  readonly finder: TargetFinder;
  readonly authorizer: TargetAuthorizer;
  /** `null`: Kubernetes is not asked. */
  readonly opinion: SecondOpinion | null;
  readonly registry: MachineRegistry;
  /** Of each launch mode. */
  readonly supervisors: readonly Pick<MachineSupervisor, 'signal'>[];
  readonly logVolume: LogVolume;
  readonly examination: Pick<Examination, 'run'>;
  readonly build: BuildInfo;
  readonly explainer: LaunchExplainer;
}

/** What the API asks of this node, answered by the parts that launches use. */
export function createNodeBackend(options: NodeBackendOptions): ApiBackend {
  const { finder, authorizer, opinion, registry, supervisors, logVolume, examination, build, explainer } =
    options;
  const startedAt = new Date();
  return {
    resolve: async (vm, asker) => {
      const target = letGo(await finder.findOnly(vm, asker));
      await opinion?.check(target);
      return target;
    },
    validateSecret: async (vm, secret, asker) => {
      const { pinned, validUntil } = await authorizer.authorize(vm, Secret.fromText(secret), asker);
      const target = letGo(pinned);
      await opinion?.check(target);
      return { target, validUntil };
    },
    machines: registry,
    signalMachine: (launchId, signal) =>
      supervisors.some((supervisor) => supervisor.signal(launchId, signal)),
    logVolume,
    explain: (question, asker) => explainer.explain(question, asker),
    nodeStatus: async () => ({ ...build, startedAt, findings: await examination.run() }),
  };
}

/** Who only asks needs the processes no longer once they are found, and Kubernetes may take its time. */
function letGo(pinned: PinnedTarget): Target {
  using held = pinned;
  return held.target;
}
