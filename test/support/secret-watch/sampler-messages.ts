import type { FoundProcess } from './process-search.ts';

export type ToSampler =
  | { readonly kind: 'secret'; readonly secret: string }
  /** Those so far. */
  | { readonly kind: 'forget' }
  | { readonly kind: 'report' };

export type FromSampler =
  | { readonly kind: 'found'; readonly found: FoundProcess }
  | { readonly kind: 'samples'; readonly samples: Readonly<Record<string, number>> };
