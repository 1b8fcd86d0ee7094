import { formatDuration } from '../../secret/format-duration.ts';
import { html, type Html } from './html.ts';

/** How long ago something was, with the time itself for who points at it. */
export function renderTime(at: Date, now: Date): Html {
  const age = now.getTime() - at.getTime();
  const text = age < 1000 ? 'just now' : `${formatDuration(age)} ago`;
  const iso = at.toISOString();
  return html`<time datetime="${iso}" title="${iso}">${text}</time>`;
}

/** A time that something took. */
export function formatSeconds(seconds: number): string {
  return seconds < 1 ? `${(seconds * 1000).toFixed(1)} ms` : `${seconds.toFixed(2)} s`;
}
