/** Entries of docs/checklists.md that no mutation is for, and why. */
export const unmutated: Readonly<Record<string, string>> = {};
