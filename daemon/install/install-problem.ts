/** Why a stub can't be installed, or would not work. The codes are stable: `--json` gives them. */
export type ProblemCode =
  | 'not-root'
  | 'no-program'
  | 'wrong-architecture'
  | 'no-target'
  | 'not-roots-alone'
  | 'nosuid'
  | 'noexec'
  | 'read-only'
  | 'no-group'
  | 'no-emulator'
  | 'foreign-file'
  | 'running'
  | 'apparmor'
  | 'selinux'
  | 'hook';

export interface Problem {
  readonly code: ProblemCode;
  /** What is wrong. */
  readonly cause: string;
  /** What to do about it: a command, where one will do. */
  readonly remedy: string;
}

/** A problem that stands against an installation. */
export class InstallProblem extends Error implements Problem {
  readonly code: ProblemCode;
  override readonly cause: string;
  readonly remedy: string;

  constructor(code: ProblemCode, cause: string, remedy: string) {
    super(`${cause}; ${remedy}`);
    this.name = 'InstallProblem';
    this.code = code;
    this.cause = cause;
    this.remedy = remedy;
  }
}
