import { existsSync } from 'node:fs';

import type * as Client from '@kubernetes/client-node';

import { quoteText } from '../quote-text.ts';
import type * as Parts from './client-parts.ts';
import { ApiError, type ListRequest, type PodPage, type PodSource } from './pod-source.ts';
import type { WatchRequest, WatchSink } from './pod-source.ts';
import { viewPod, type PodView } from './pod-view.ts';

type ClientParts = typeof Parts;
type RequestOptions = Client.ConfigurationOptions;

const PAGE_SIZE = 250;
const tokenFile = '/var/run/secrets/kubernetes.io/serviceaccount/token';

export interface KubernetesClientOptions {
  /** A kubeconfig; `null`: the ServiceAccount of the daemon's own pod. */
  readonly configFile: string | null;
  readonly node: string;
  readonly labelKey: string | null;
}

/** An event as it is written. */
export interface EventBody {
  readonly name: string;
  readonly pod: Pick<PodView, 'namespace' | 'name' | 'uid'>;
  readonly type: 'Normal' | 'Warning';
  readonly reason: string;
  readonly message: string;
  readonly count: number;
  readonly first: Date;
  readonly last: Date;
}

/** What the daemon asks of the API server: these requests and no others. */
export class KubernetesClient implements PodSource {
  readonly #parts: ClientParts;
  readonly #config: Client.KubeConfig;
  readonly #core: Client.CoreV1Api;
  readonly #authentication: Client.AuthenticationV1Api;
  readonly #node: string;
  readonly #labelKey: string | null;

  private constructor(parts: ClientParts, config: Client.KubeConfig, options: KubernetesClientOptions) {
    this.#parts = parts;
    this.#config = config;
    this.#core = config.makeApiClient(parts.CoreV1Api);
    this.#authentication = config.makeApiClient(parts.AuthenticationV1Api);
    this.#node = options.node;
    this.#labelKey = options.labelKey;
  }

  /** @throws Error with cause and remedy when there is nothing to connect with; nothing is asked yet */
  static async open(options: KubernetesClientOptions): Promise<KubernetesClient> {
    // Only now: whoever has no use for it does without its 80 MB.
    const parts = await import('./client-parts.ts');
    const config = new parts.KubeConfig();
    if (options.configFile === null) loadOwnAccount(config);
    else loadFile(config, options.configFile);
    return new KubernetesClient(parts, config, options);
  }

  viewPod(pod: unknown): PodView | null {
    return viewPod(pod, this.#labelKey);
  }

  async listPods({ notBefore, page }: ListRequest, signal: AbortSignal): Promise<PodPage> {
    let serverTime: number | null = null;
    const list = await this.#request((options) =>
      this.#core.listPodForAllNamespaces(
        {
          fieldSelector: this.#fieldSelector,
          limit: PAGE_SIZE,
          ...(page !== null && { _continue: page }),
          ...(page === null &&
            notBefore !== null && { resourceVersion: notBefore, resourceVersionMatch: 'NotOlderThan' }),
        },
        options({ signal, onHeaders: ({ date }) => (serverTime = timeOf(date)) }),
      ),
    );
    return {
      pods: list.items.flatMap((pod) => this.viewPod(pod) ?? []),
      resourceVersion: list.metadata?.resourceVersion ?? '',
      next: list.metadata?._continue === '' ? null : (list.metadata?._continue ?? null),
      serverTime,
    };
  }

  async watchPods(request: WatchRequest, sink: WatchSink, signal: AbortSignal): Promise<void> {
    const dispatchers = new Dispatchers();
    const watch = new this.#parts.Watch(dispatchers.follow(this.#config));
    // The one way to set it: it is private to the type, and 30 s.
    Reflect.set(watch, 'requestTimeoutMs', request.silenceMs);
    const query = {
      fieldSelector: this.#fieldSelector,
      resourceVersion: request.resourceVersion,
      allowWatchBookmarks: true,
      timeoutSeconds: request.timeoutSeconds,
    };
    const over = new Promise<void>((resolve, reject) => {
      let isOver = false;
      const done = (error: unknown): void => {
        isOver = true;
        if (signal.aborted || error === null || error === undefined) resolve();
        else reject(asApiError(error));
      };
      // What a watch says after its end is another's to say.
      const onEvent = (type: string, object: unknown): void => {
        if (!isOver && !signal.aborted) sink.event(type, object);
      };
      watch.watch('/api/v1/pods', query, onEvent, done).then(
        (controller) => {
          if (!isOver) sink.opened();
          if (signal.aborted) controller.abort();
          else signal.addEventListener('abort', () => controller.abort(), { once: true });
        },
        (error: unknown) => done(error),
      );
      signal.addEventListener('abort', () => done(null), { once: true });
    });
    // Also one that has not been answered yet: it would keep the process from ending.
    await over.finally(() => dispatchers.destroy());
  }

  async createEvent(event: EventBody, signal: AbortSignal): Promise<void> {
    const { namespace, name, uid } = event.pod;
    const body = {
      metadata: { name: event.name, namespace },
      involvedObject: { apiVersion: 'v1', kind: 'Pod', namespace, name, uid },
      type: event.type,
      reason: event.reason,
      message: event.message,
      count: event.count,
      firstTimestamp: event.first,
      lastTimestamp: event.last,
      source: { component: 'kubevirt-node-driver', host: this.#node },
      reportingComponent: 'kubevirt-node-driver',
      reportingInstance: this.#node,
      action: 'Launch',
    };
    await this.#request((options) =>
      // eslint-disable-next-line @typescript-eslint/no-unsafe-class-instance-assignment -- the client takes plain objects
      this.#core.createNamespacedEvent({ namespace, body }, options({ signal })),
    );
  }

  /** Says that an event happened again. */
  async countEvent({ name, pod, count, last }: EventBody, signal: AbortSignal): Promise<void> {
    const { namespace } = pod;
    const body = { count, lastTimestamp: last };
    await this.#request((options) =>
      this.#core.patchNamespacedEvent(
        { name, namespace, body },
        options({ signal, contentType: this.#parts.PatchStrategy.MergePatch }),
      ),
    );
  }

  /** @returns `status` of the TokenReview */
  async reviewToken(token: string, audience: string, signal: AbortSignal): Promise<unknown> {
    const body = { spec: { token, audiences: [audience] } };
    const { status } = await this.#request((options) =>
      // eslint-disable-next-line @typescript-eslint/no-unsafe-class-instance-assignment -- the client takes plain objects
      this.#authentication.createTokenReview({ body }, options({ signal })),
    );
    return status;
  }

  get #fieldSelector(): string {
    return `spec.nodeName=${this.#node}`;
  }

  async #request<Result>(
    send: (options: (extras: RequestExtras) => RequestOptions) => Promise<Result>,
  ): Promise<Result> {
    const dispatchers = new Dispatchers();
    try {
      return await send((extras) => this.#optionsOf(extras, dispatchers));
    } catch (error) {
      throw asApiError(error);
    } finally {
      dispatchers.destroy();
    }
  }

  #optionsOf({ signal, contentType, onHeaders }: RequestExtras, dispatchers: Dispatchers): RequestOptions {
    const { Observable } = this.#parts;
    const middleware: Client.ObservableMiddleware = {
      pre: (request) => {
        dispatchers.add(request);
        request.setSignal(signal);
        if (contentType !== undefined) request.setHeaderParam('Content-Type', contentType);
        return new Observable(Promise.resolve(request));
      },
      post: (response) => {
        onHeaders?.(response.headers);
        return new Observable(Promise.resolve(response));
      },
    };
    return { middlewareMergeStrategy: 'append', middleware: [middleware] };
  }
}

interface RequestExtras {
  readonly signal: AbortSignal;
  readonly contentType?: string;
  readonly onHeaders?: (headers: Readonly<Record<string, string>>) => void;
}

/** The client makes a connection, with a pool of its own around it, for each request, and leaves it open. */
class Dispatchers {
  readonly #all = new Set<{ destroy(): Promise<void> }>();

  add(request: Client.RequestContext): void {
    const dispatcher = request.getDispatcher();
    if (dispatcher !== undefined) this.#all.add(dispatcher);
  }

  /** The same configuration, whose connections are known here. */
  follow(config: Client.KubeConfig): Client.KubeConfig {
    const followed = Object.create(config) as Client.KubeConfig;
    followed.applySecurityAuthentication = async (request) => {
      await config.applySecurityAuthentication(request);
      this.add(request);
    };
    return followed;
  }

  destroy(): void {
    for (const dispatcher of this.#all) dispatcher.destroy().catch(() => undefined);
  }
}

function loadOwnAccount(config: Client.KubeConfig): void {
  const hasHost = (process.env['KUBERNETES_SERVICE_HOST'] ?? '') !== '';
  if (!hasHost || !existsSync(tokenFile))
    throw new Error(
      'Cannot connect to Kubernetes: ' +
        (hasHost ? `there is no "${tokenFile}"` : 'KUBERNETES_SERVICE_HOST is not set') +
        '; run the daemon in a pod with a ServiceAccount, set "kubernetes-config" to a kubeconfig, or ' +
        '"kubernetes = off"',
    );
  config.loadFromCluster();
}

function loadFile(config: Client.KubeConfig, file: string): void {
  try {
    config.loadFromFile(file);
    if (config.getCurrentCluster() === null) throw new Error('its current context names no cluster');
  } catch (error) {
    throw new Error(
      `Cannot use the kubeconfig ${quoteText(file)}: ${error instanceof Error ? error.message : String(error)}; ` +
        'mend it, or set "kubernetes-config" to another',
      { cause: error },
    );
  }
}

function timeOf(date: string | undefined): number | null {
  const time = date === undefined ? Number.NaN : Date.parse(date);
  return Number.isNaN(time) ? null : time;
}

/** Without what the client adds: bodies and headers of answers, which may hold anything. */
function asApiError(error: unknown): ApiError {
  if (error instanceof ApiError) return error;
  if (!(error instanceof Error)) return new ApiError('an unknown error', null);
  const status = statusOf(error);
  if (status !== null) return new ApiError(`the API server answered with status ${status}`, status);
  if (error.name === 'TimeoutError')
    return new ApiError('the API server did not answer in time', null, { isSilence: true });
  const { cause } = error;
  const code = cause instanceof Error && 'code' in cause ? ` (${String(cause.code)})` : '';
  return new ApiError(`the connection failed: ${error.message}${code}`, null);
}

function statusOf(error: object): number | null {
  for (const key of ['statusCode', 'code'] as const) {
    const value: unknown = Reflect.get(error, key);
    if (typeof value === 'number' && value >= 300 && value < 600) return value;
  }
  return null;
}
