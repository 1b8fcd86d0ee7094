/** Entries of docs/checklists.md that no mutation is for, and why. */
export const unmutated: Readonly<Record<string, string>> = {
  'AT-18':
    'what holds is the kernel, which reads no arguments out of files; nothing of ours could be taken away',
};
