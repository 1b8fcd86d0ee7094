import type { PodView } from './pod-view.ts';

/** Some of the pods of the node. */
export interface PodPage {
  readonly pods: readonly PodView[];
  readonly resourceVersion: string;
  /** What to ask for the next page with; `null`: this was the last. */
  readonly next: string | null;
  /** Milliseconds since 1970, by the clock of the API server; `null` where it does not tell. */
  readonly serverTime: number | null;
}

export interface ListRequest {
  /** Not older than this version; `null`: the newest there is, which costs the API server more. */
  readonly notBefore: string | null;
  readonly page: string | null;
}

export interface WatchRequest {
  readonly resourceVersion: string;
  /** After this time the API server is to end the watch. */
  readonly timeoutSeconds: number;
  /** After this time without a byte the watch is given up. */
  readonly silenceMs: number;
}

/** Told what comes of a watch. */
export interface WatchSink {
  /** The API server has taken the watch. */
  opened(): void;
  /** `type` is that of the API: ADDED, MODIFIED, DELETED, BOOKMARK or ERROR. */
  event(type: string, object: unknown): void;
}

/** An answer of the API server that is none, or none at all. */
export class ApiError extends Error {
  /** HTTP status; `null` where there was no answer. */
  readonly status: number | null;
  /** Nothing was heard for too long. */
  readonly isSilence: boolean;

  constructor(message: string, status: number | null, options: ErrorOptions & { isSilence?: boolean } = {}) {
    super(message, options);
    this.name = 'ApiError';
    this.status = status;
    this.isSilence = options.isSilence ?? false;
  }
}

/** Where the pods of this node come from. */
export interface PodSource {
  /** @throws ApiError */
  listPods(request: ListRequest, signal: AbortSignal): Promise<PodPage>;
  /**
   * Comes back when the API server ended the watch, or `signal` is aborted.
   *
   * @throws ApiError for every other end
   */
  watchPods(request: WatchRequest, sink: WatchSink, signal: AbortSignal): Promise<void>;
  viewPod(pod: unknown): PodView | null;
}
