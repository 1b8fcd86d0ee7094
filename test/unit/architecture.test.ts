import { expect } from 'chai';
import { readFileSync, readdirSync } from 'node:fs';
import path from 'node:path';
import ts from 'typescript';

const root = path.resolve(import.meta.dirname, '../..');

/** Files that are run, not imported. */
const programs: ReadonlySet<string> = new Set([
  'daemon/main.ts',
  'daemon/config/write-reference.ts',
  'daemon/observe/write-metrics-reference.ts',
]);

/** Files that are not named after something they export, and why. */
const unpaired: ReadonlyMap<string, string> = new Map([
  ['daemon/errors.ts', 'the few error types of the whole daemon, named for the group'],
  ['daemon/config/value-schemas.ts', 'the schemas that the configuration is made of'],
  ['daemon/api/proto-types.ts', 'short names for the generated types'],
  ['daemon/host/host-cgroups.ts', 'the steps from a mount table to a cgroup directory of the host'],
  ['daemon/host/socket-fd.ts', 'the way from a socket to its descriptor, read as fdOf(socket)'],
  ['daemon/kubernetes/client-parts.ts', 'what is used of the client'],
  ['daemon/kubernetes/refusals.ts', 'what Kubernetes refuses, one function a reason'],
  ['daemon/host/user-database.ts', 'readers of passwd and group files'],
  ['daemon/machines/start-failures.ts', 'why a supervisor did not start its VM, one function a reason'],
  ['daemon/target/vm-identity.ts', 'the checks of the two parts of a VmIdentity'],
]);

/** What the pure part of the daemon may import besides itself; the same rule holds for the files among them. */
const pureHelpers: ReadonlySet<string> = new Set(['daemon/errors.ts', 'daemon/quote-text.ts', 'node:buffer']);

/** Statements that may stand at module level: an import of the module then runs nothing of ours. */
const declarations: ReadonlySet<ts.SyntaxKind> = new Set([
  ts.SyntaxKind.ImportDeclaration,
  ts.SyntaxKind.ExportDeclaration,
  ts.SyntaxKind.FunctionDeclaration,
  ts.SyntaxKind.ClassDeclaration,
  ts.SyntaxKind.InterfaceDeclaration,
  ts.SyntaxKind.TypeAliasDeclaration,
  ts.SyntaxKind.VariableStatement,
]);

interface Import {
  readonly specifier: string;
  readonly typeOnly: boolean;
  /** Written as a call, so not before it is made. */
  readonly isLazy?: true;
}

/** One module of the daemon; all paths are relative to the root of the repository. */
interface Module {
  readonly file: string;
  readonly lines: number;
  readonly imports: readonly Import[];
  readonly exports: readonly string[];
  readonly hasDefaultExport: boolean;
  /** Module-level statements that do something, as text. */
  readonly effects: readonly string[];
}

function hasModifier(node: ts.Statement, kind: ts.SyntaxKind): boolean {
  return (
    ts.canHaveModifiers(node) && (ts.getModifiers(node) ?? []).some((modifier) => modifier.kind === kind)
  );
}

function moduleSpecifier(node: ts.ImportDeclaration | ts.ExportDeclaration): string | undefined {
  const specifier = node.moduleSpecifier;
  return specifier !== undefined && ts.isStringLiteral(specifier) ? specifier.text : undefined;
}

function isTypeOnly(node: ts.ImportDeclaration | ts.ExportDeclaration): boolean {
  return ts.isImportDeclaration(node)
    ? node.importClause?.phaseModifier === ts.SyntaxKind.TypeKeyword
    : node.isTypeOnly;
}

function declaredNames(statement: ts.Statement): readonly string[] {
  if (ts.isExportDeclaration(statement)) {
    const clause = statement.exportClause;
    return clause !== undefined && ts.isNamedExports(clause)
      ? clause.elements.map((element) => element.name.text)
      : [];
  }
  if (!hasModifier(statement, ts.SyntaxKind.ExportKeyword)) return [];
  if (ts.isVariableStatement(statement)) {
    return statement.declarationList.declarations.flatMap(({ name }) =>
      ts.isIdentifier(name) ? [name.text] : [],
    );
  }
  const isNamed =
    ts.isFunctionDeclaration(statement) ||
    ts.isClassDeclaration(statement) ||
    ts.isInterfaceDeclaration(statement) ||
    ts.isTypeAliasDeclaration(statement);
  return isNamed && statement.name !== undefined ? [statement.name.text] : [];
}

/** Imports that are written as calls: `await import('x')`. */
function dynamicImports(source: ts.SourceFile): readonly Import[] {
  const found: Import[] = [];
  const visit = (node: ts.Node): void => {
    if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword) {
      const [argument] = node.arguments;
      const specifier = argument !== undefined && ts.isStringLiteral(argument) ? argument.text : '(computed)';
      found.push({ specifier, typeOnly: false, isLazy: true });
    }
    ts.forEachChild(node, visit);
  };
  visit(source);
  return found;
}

function parse(file: string): Module {
  const text = readFileSync(path.join(root, file), 'utf8');
  const source = ts.createSourceFile(file, text, ts.ScriptTarget.ES2023);
  const statements = [...source.statements];
  const declared = statements.flatMap((statement): readonly Import[] => {
    if (!ts.isImportDeclaration(statement) && !ts.isExportDeclaration(statement)) return [];
    const specifier = moduleSpecifier(statement);
    return specifier === undefined ? [] : [{ specifier, typeOnly: isTypeOnly(statement) }];
  });
  return {
    file,
    lines: text.split('\n').length - 1,
    imports: [...declared, ...dynamicImports(source)],
    exports: statements.flatMap(declaredNames),
    hasDefaultExport: statements.some(
      (statement) => ts.isExportAssignment(statement) || hasModifier(statement, ts.SyntaxKind.DefaultKeyword),
    ),
    effects: statements
      .filter((statement) => !declarations.has(statement.kind))
      .map((statement) => statement.getText(source).split('\n')[0] ?? ''),
  };
}

/** The file that a relative import means; undefined for a package. */
function resolved(from: Module, { specifier }: Import): string | undefined {
  return specifier.startsWith('.') ? path.join(path.dirname(from.file), specifier) : undefined;
}

function isPackage(specifier: string, name: string): boolean {
  return specifier === name || specifier.startsWith(`${name}/`);
}

/** `PinnedProcess`, `pinnedProcess` → `pinned-process`; digits stay with the word before them. */
function kebabCase(name: string): string {
  return name
    .replace(/([a-z0-9])([A-Z])/g, '$1-$2')
    .replace(/([A-Z])([A-Z][a-z])/g, '$1-$2')
    .toLowerCase();
}

/** Files, in order, that import each other at run time in a ring; undefined when there is none. */
function findCycle(modules: readonly Module[]): readonly string[] | undefined {
  const byFile = new Map(modules.map((module) => [module.file, module]));
  const finished = new Set<string>();
  const walk = (file: string, trail: readonly string[]): readonly string[] | undefined => {
    if (trail.includes(file)) return [...trail.slice(trail.indexOf(file)), file];
    const module = byFile.get(file);
    if (module === undefined || finished.has(file)) return undefined;
    for (const entry of module.imports) {
      const next = entry.typeOnly ? undefined : resolved(module, entry);
      const cycle = next === undefined ? undefined : walk(next, [...trail, file]);
      if (cycle !== undefined) return cycle;
    }
    finished.add(file);
    return undefined;
  };
  for (const { file } of modules) {
    const cycle = walk(file, []);
    if (cycle !== undefined) return cycle;
  }
  return undefined;
}

const modules: readonly Module[] = readdirSync(path.join(root, 'daemon'), {
  recursive: true,
  encoding: 'utf8',
})
  .map((file) => path.join('daemon', file))
  .filter((file) => file.endsWith('.ts') && !file.startsWith('daemon/api/generated/'))
  .sort()
  .map(parse);

/** `file: what` for each import that the rule forbids; an empty list is the wanted result. */
function violations(forbidden: (module: Module, entry: Import) => boolean): readonly string[] {
  return modules.flatMap((module) =>
    module.imports
      .filter((entry) => forbidden(module, entry))
      .map((entry) => `${module.file}: ${entry.specifier}`),
  );
}

describe('architecture', () => {
  it('reads the modules of the daemon', () => {
    expect(modules.map(({ file }) => file)).to.include('daemon/errors.ts');
    expect(modules.flatMap(({ imports }) => imports)).to.not.be.empty;
  });

  it('target/ imports its own folder, pure helpers and types only, and so does no I/O', () => {
    const isPure = (file: string): boolean => file.startsWith('daemon/target/') || pureHelpers.has(file);
    const isForeign = (module: Module, entry: Import): boolean =>
      isPure(module.file) && !entry.typeOnly && !isPure(resolved(module, entry) ?? entry.specifier);
    expect(violations(isForeign)).to.deep.equal([]);
  });

  const doors = [
    { name: 'koffi', door: 'daemon/host/libc/system-library.ts' },
    { name: 'winston', door: 'daemon/observe/logger.ts' },
    { name: 'prom-client', door: 'daemon/observe/metrics' },
    { name: '@grpc', door: 'daemon/api/' },
    { name: '@kubernetes/client-node', door: 'daemon/kubernetes/' },
    { name: '@rgrove/parse-xml', door: 'daemon/domain/xml-source.ts' },
    { name: 'node:child_process', door: 'daemon/host/' },
  ];
  for (const { name, door } of doors) {
    it(`only ${door} imports ${name}`, () => {
      const isOutside = (module: Module, entry: Import): boolean =>
        isPackage(entry.specifier, name) && !module.file.startsWith(door);
      expect(violations(isOutside)).to.deep.equal([]);
    });
  }

  it('the Kubernetes client is loaded when it is asked for, not before', () => {
    const isClient = ({ specifier }: Import): boolean => isPackage(specifier, '@kubernetes/client-node');
    const importers = violations((_, entry) => isClient(entry) && !entry.typeOnly);
    expect(importers).to.deep.equal(['daemon/kubernetes/client-parts.ts: @kubernetes/client-node']);
    const isParts = (module: Module, entry: Import): boolean =>
      resolved(module, entry) === 'daemon/kubernetes/client-parts.ts' && !entry.typeOnly;
    const isEarly = (module: Module, entry: Import): boolean =>
      isParts(module, entry) && entry.isLazy !== true;
    expect(violations(isParts)).to.have.lengthOf(1);
    expect(violations(isEarly)).to.deep.equal([]);
  });

  it('a mount table is read for the cgroups of the node, and to install a stub: never to tell which pod a process is in', () => {
    const readers = modules.flatMap(({ file }) => {
      const names = readFileSync(path.join(root, file), 'utf8').match(/mountinfo|mountstats|\/mounts\b/g);
      return names === null ? [] : [`${file}: ${new Set(names).size} kind, ${names.length} times`];
    });
    expect(readers).to.deep.equal([
      'daemon/host/host-cgroups.ts: 1 kind, 3 times',
      'daemon/host/host-view.ts: 1 kind, 2 times',
      'daemon/host/mount-options.ts: 1 kind, 1 times',
      'daemon/host/node-mounts.ts: 1 kind, 3 times',
      'daemon/install/check-directory.ts: 1 kind, 1 times',
    ]);
    const view = readFileSync(path.join(root, 'daemon/host/host-view.ts'), 'utf8');
    expect(view).to.include("shared ? '/proc/self/mountinfo' : `${proc}/1/mountinfo`");
  });

  it('built-in modules are imported with the node: prefix, packages only when package.json names them', () => {
    const manifest: unknown = JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8'));
    const dependencies =
      typeof manifest === 'object' && manifest !== null && 'dependencies' in manifest
        ? manifest.dependencies
        : {};
    const named = Object.keys(dependencies ?? {});
    const isUnknown = (_: Module, { specifier }: Import): boolean =>
      !/^(\.|node:)/.test(specifier) && !named.some((name) => isPackage(specifier, name));
    expect(violations(isUnknown)).to.deep.equal([]);
  });

  it('no modules import each other in a ring', () => {
    expect(findCycle(modules)).to.equal(undefined);
  });

  it('each file exports something whose name contains the name of the file', () => {
    const wrong = modules.filter(
      ({ file, exports }) =>
        !programs.has(file) &&
        !unpaired.has(file) &&
        !exports.some((name) => kebabCase(name).includes(path.basename(file, '.ts'))),
    );
    expect(wrong.map(({ file, exports }) => `${file}: ${exports.join(', ')}`)).to.deep.equal([]);
  });

  it('the list of files that are named otherwise is up to date', () => {
    const files = modules.map(({ file }) => file);
    expect([...unpaired.keys()].filter((file) => !files.includes(file))).to.deep.equal([]);
  });

  it('no module has a default export', () => {
    expect(modules.filter((module) => module.hasDefaultExport).map(({ file }) => file)).to.deep.equal([]);
  });

  it('no module does anything when it is imported; only programs do', () => {
    const active = modules.filter(({ file, effects }) => !programs.has(file) && effects.length > 0);
    expect(active.map(({ file, effects }) => `${file}: ${effects.join(' | ')}`)).to.deep.equal([]);
  });

  it('main.ts has at most 50 lines, every other file at most 400', () => {
    const long = modules.filter(({ file, lines }) => lines > (file === 'daemon/main.ts' ? 50 : 400));
    expect(long.map(({ file, lines }) => `${file}: ${lines}`)).to.deep.equal([]);
  });
});

describe('architecture test', () => {
  const module = (file: string, ...imports: readonly string[]): Module => ({
    file,
    lines: 1,
    imports: imports.map((specifier) => ({ specifier, typeOnly: false })),
    exports: [],
    hasDefaultExport: false,
    effects: [],
  });

  it('findCycle() finds a ring of three', () => {
    const ring = [
      module('daemon/a.ts', './b.ts'),
      module('daemon/b.ts', './c.ts'),
      module('daemon/c.ts', './a.ts'),
    ];
    expect(findCycle(ring)).to.deep.equal(['daemon/a.ts', 'daemon/b.ts', 'daemon/c.ts', 'daemon/a.ts']);
  });

  it('findCycle() accepts two ways to one module', () => {
    const diamond = [module('d/a.ts', './b.ts', './c.ts'), module('d/b.ts', './c.ts'), module('d/c.ts')];
    expect(findCycle(diamond)).to.equal(undefined);
  });

  it('kebabCase() splits words and acronyms', () => {
    expect(['pinnedProcess', 'HTTPServer', 'libc', 'sha256Sum'].map(kebabCase)).to.deep.equal([
      'pinned-process',
      'http-server',
      'libc',
      'sha256-sum',
    ]);
  });
});
