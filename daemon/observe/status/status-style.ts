/** The style sheet of the status page. Its hash is in the page's policy, so nothing is put into it. */
export const statusStyle = `
:root {
  color-scheme: light dark;
  --ground: #f4f5f7; --surface: #ffffff; --line: #d8dce2; --text: #1a1f26; --quiet: #535c68; --link: #0a58a8;
  --ok: #0f5c2b; --ok-ground: #dcf3e3; --warning: #6f4600; --warning-ground: #fdeecb;
  --failure: #98131f; --failure-ground: #fde4e4; --skipped: #4a525d; --skipped-ground: #e9ecf0;
}
@media (prefers-color-scheme: dark) {
  :root {
    --ground: #0f1318; --surface: #171c23; --line: #2d343e; --text: #e7ebf0; --quiet: #a3adba; --link: #7db7f5;
    --ok: #8be0a4; --ok-ground: #12301d; --warning: #f2cb7c; --warning-ground: #362707;
    --failure: #ffaaa6; --failure-ground: #41161a; --skipped: #b6bfca; --skipped-ground: #262d36;
  }
}
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; }
body {
  margin: 0; background: var(--ground); color: var(--text);
  font: 15px/1.45 system-ui, -apple-system, "Segoe UI", "Noto Sans", "Liberation Sans", sans-serif;
}
.skip { position: absolute; left: -999px; }
.skip:focus { left: 1rem; top: 1rem; background: var(--surface); padding: .5rem 1rem; }
header, main, footer { max-width: 76rem; margin: 0 auto; padding: 0 1.25rem; }
header { padding-top: 1.75rem; display: flex; flex-wrap: wrap; gap: .5rem 1rem; align-items: center; }
h1 { font-size: 1.5rem; line-height: 1.2; margin: 0; font-weight: 650; letter-spacing: -.01em; overflow-wrap: anywhere; }
h1 small { display: block; font-size: .875rem; font-weight: 450; letter-spacing: 0; color: var(--quiet); margin-bottom: .15rem; }
header .badge { font-size: .95rem; padding: .25rem .75rem; }
.facts { display: grid; grid-template-columns: repeat(auto-fit, minmax(8.5rem, 1fr)); gap: .75rem; margin: 1.25rem 0 0; padding: 0; }
.facts div { background: var(--surface); border: 1px solid var(--line); border-radius: .6rem; padding: .7rem .9rem; }
.facts dt { color: var(--quiet); font-size: .8125rem; }
.facts dd { margin: 0; font-size: 1.35rem; font-weight: 600; font-variant-numeric: tabular-nums; overflow-wrap: anywhere; }
.facts dd.failure { color: var(--failure); }
.facts dd.small { font-size: 1rem; padding-top: .3rem; }
section { background: var(--surface); border: 1px solid var(--line); border-radius: .6rem; margin-top: 1.25rem; overflow: hidden; }
h2 { font-size: 1.0625rem; margin: 0; padding: .85rem 1rem; font-weight: 620; }
h2 span { color: var(--quiet); font-weight: 450; }
.empty { margin: 0; padding: 0 1rem 1rem; color: var(--quiet); }
table { border-collapse: collapse; width: 100%; }
th { text-align: left; font-size: .8125rem; font-weight: 550; color: var(--quiet); white-space: nowrap; }
th, td { padding: .5rem .75rem; border-top: 1px solid var(--line); vertical-align: top; overflow-wrap: anywhere; }
th:first-child, td:first-child { padding-left: 1rem; }
th:last-child, td:last-child { padding-right: 1rem; }
td.narrow { white-space: nowrap; }
@media (min-width: 46.01rem) {
  .checks td:nth-child(1) { width: 7rem; }
  .checks td:nth-child(2) { width: 11rem; }
}
.sub { color: var(--quiet); font-size: .8125rem; display: block; }
code { white-space: nowrap; font: .8125rem/1.45 ui-monospace, "SFMono-Regular", Menlo, "DejaVu Sans Mono", "Liberation Mono", monospace; }
.badge {
  display: inline-block; border-radius: 1rem; padding: .05rem .6rem; font-size: .8125rem; font-weight: 600; white-space: nowrap;
  color: var(--skipped); background: var(--skipped-ground);
}
.badge.ok { color: var(--ok); background: var(--ok-ground); }
.badge.warning { color: var(--warning); background: var(--warning-ground); }
.badge.failure { color: var(--failure); background: var(--failure-ground); }
details.others { border-top: 1px solid var(--line); }
details.others > summary { padding: .55rem 1rem; }
details.others > table { width: 100%; margin: 0; }
details.others td { border-top: 1px solid var(--line); padding: .5rem .75rem; font-size: inherit; text-align: left; }
details summary { cursor: pointer; color: var(--link); font-size: .8125rem; }
details .steps { width: auto; margin-top: .25rem; }
details .steps td { border: 0; padding: 0 1rem 0 0; font-size: .8125rem; font-variant-numeric: tabular-nums; }
details .steps td:last-child { text-align: right; padding-right: 0; }
footer { color: var(--quiet); font-size: .8125rem; padding-top: 1rem; padding-bottom: 2rem; }
footer a { color: var(--link); }
.stale { margin: 1.25rem 0 0; padding: .7rem 1rem; border-radius: .6rem; color: var(--failure); background: var(--failure-ground); font-weight: 600; }
.stale:empty { display: none; }
@media (max-width: 46rem) {
  header, main, footer { padding-left: .85rem; padding-right: .85rem; }
  .wide, .wide > thead, .wide > tbody, .wide > tbody > tr, .wide > tbody > tr > td { display: block; }
  .wide > thead { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
  .wide > tbody > tr { border-top: 1px solid var(--line); padding: .55rem 1rem; }
  .wide > tbody > tr > td { border: 0; padding: .1rem 0; display: grid; grid-template-columns: 5.5rem minmax(0, 1fr); gap: .75rem; align-items: baseline; justify-items: start; white-space: normal; }
  .wide > tbody > tr > td:last-child { padding-right: 0; }
  code { white-space: normal; }
  .wide > tbody > tr > td::before { content: attr(data-label); color: var(--quiet); font-size: .8125rem; }
}
`;
