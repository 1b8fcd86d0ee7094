/** One line of the API server's audit log; of it, what is looked at here. */
interface AuditEvent {
  readonly user: { readonly username: string };
  readonly verb: string;
  readonly objectRef?: {
    readonly apiGroup?: string;
    readonly resource: string;
    readonly subresource?: string;
  };
  readonly annotations?: Readonly<Record<string, string>>;
}

export interface PolicyRule {
  readonly apiGroups?: readonly string[];
  readonly resources?: readonly string[];
  readonly verbs: readonly string[];
}

export interface AuditedVerbs {
  /** As `verb resource.group`; a request for no resource as `verb -`. */
  readonly allowed: readonly string[];
  readonly forbidden: readonly string[];
}

/** What a user did, by the log, and what it was kept from. */
export function readAuditedVerbs(log: string, user: string): AuditedVerbs {
  const events = log
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line) as AuditEvent)
    .filter(({ user: { username } }) => username === user);
  const list = (decision: string): readonly string[] =>
    sortUnique(
      events
        .filter(({ annotations }) => annotations?.['authorization.k8s.io/decision'] === decision)
        .map(({ verb, objectRef }) => {
          if (objectRef === undefined) return `${verb} -`;
          const { apiGroup = '', resource, subresource } = objectRef;
          return describeVerb(
            verb,
            apiGroup,
            subresource === undefined ? resource : `${resource}/${subresource}`,
          );
        }),
    );
  return { allowed: list('allow'), forbidden: list('forbid') };
}

/** The same of the rules of roles. */
export function listGrantedVerbs(rules: readonly PolicyRule[]): readonly string[] {
  return sortUnique(
    rules.flatMap(({ apiGroups = [], resources = [], verbs }) =>
      apiGroups.flatMap((group) =>
        resources.flatMap((resource) => verbs.map((verb) => describeVerb(verb, group, resource))),
      ),
    ),
  );
}

function describeVerb(verb: string, group: string, resource: string): string {
  return `${verb} ${resource}${group === '' ? '' : `.${group}`}`;
}

function sortUnique(texts: readonly string[]): readonly string[] {
  return [...new Set(texts)].sort();
}
