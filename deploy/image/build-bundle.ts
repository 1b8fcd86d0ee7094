/** `npm run build:bundle [DIRECTORY]`: the daemon as the image has it, a package of a few files, into `dist/bundle`. */
import { build, type Metafile } from 'esbuild';
import {
  cpSync,
  existsSync,
  globSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';

const root = join(import.meta.dirname, '../..');
const modules = join(root, 'node_modules');

/**
 * Packages that look for files beside their modules, here `dist/daemon`, look two directories above. koffi stays a
 * package: it finds its binary, which differs between architectures, itself.
 */
const protoFiles = [
  ['proto/kubevirt', join(root, 'proto/kubevirt')],
  ['proto/grpc/reflection', join(modules, '@grpc/reflection/build/proto/grpc/reflection')],
  ['proto/health', join(modules, 'grpc-health-check/proto/health')],
] as const;

/** CommonJS packages ask for these. */
const banner = [
  "import { createRequire as createBundleRequire } from 'node:module';",
  'const require = createBundleRequire(import.meta.url);',
  'const __dirname = import.meta.dirname;',
].join(' ');

/** Each command is a chunk of its own, loaded when it runs; so is the client of Kubernetes. */
async function bundle(directory: string): Promise<Metafile> {
  const { metafile } = await build({
    absWorkingDir: root,
    entryPoints: { main: 'daemon/main.ts' },
    outdir: join(directory, 'dist/daemon'),
    bundle: true,
    splitting: true,
    format: 'esm',
    platform: 'node',
    target: 'node22.19',
    external: ['koffi'],
    banner: { js: banner },
    sourcemap: 'linked',
    sourcesContent: false,
    legalComments: 'none',
    // V8 keeps the text of what it runs: a third of what it is otherwise. Names stay, for stack traces.
    minify: true,
    keepNames: true,
    metafile: true,
    logLevel: 'warning',
  });
  return metafile;
}

function copyKoffi(directory: string): void {
  for (const file of [
    'package.json',
    'index.js',
    'src/koffi/index.js',
    'src/koffi/src/static.js',
    'LICENSE.txt',
  ])
    copy(join(modules, 'koffi', file), join(directory, 'node_modules/koffi', file));
  for (const file of globSync('@koromix/koffi-*/{package.json,index.js,linux_*/koffi.node}', {
    cwd: modules,
  }))
    copy(join(modules, file), join(directory, 'node_modules', file));
}

/** Names of the packages that the bundle has something of. */
function listPackages({ inputs }: Metafile): readonly string[] {
  const names = Object.keys(inputs).flatMap(
    (path) => /^(?:.*\/)?node_modules\/((?:@[^/]+\/)?[^/]+)\//u.exec(path)?.[1] ?? [],
  );
  return [...new Set(names)].sort();
}

/** The licences ask that their text goes with the code. */
function collectLicences(packages: readonly string[]): string {
  return packages.map((name) => `${name}\n${'-'.repeat(name.length)}\n\n${readLicence(name)}\n`).join('\n');
}

function readLicence(name: string): string {
  const directory = join(modules, name);
  const file = readdirSync(directory).find((each) => /^licen[cs]e/iu.test(each));
  if (file !== undefined) return readFileSync(join(directory, file), 'utf8').trimEnd();
  const manifest: unknown = JSON.parse(readFileSync(join(directory, 'package.json'), 'utf8'));
  const licence =
    typeof manifest === 'object' && manifest !== null && 'license' in manifest ? manifest.license : null;
  if (typeof licence !== 'string')
    throw new Error(`Cannot tell the licence of "${name}": name it in build-bundle.ts`);
  return `Licence: ${licence}`;
}

function copy(from: string, to: string): void {
  mkdirSync(dirname(to), { recursive: true });
  cpSync(from, to, { recursive: true });
}

/** What of the manifest is needed at run time: the version, and that `.js` is ECMAScript. */
function writeManifest(directory: string): void {
  const manifest: unknown = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  if (typeof manifest !== 'object' || manifest === null || !('name' in manifest) || !('version' in manifest))
    throw new Error('Cannot read name and version in package.json');
  const { name, version } = manifest;
  writeFileSync(
    join(directory, 'package.json'),
    `${JSON.stringify({ name, version, type: 'module', private: true }, undefined, 2)}\n`,
  );
}

async function buildBundle(directory: string): Promise<void> {
  if (existsSync(directory)) rmSync(directory, { recursive: true });
  const metafile = await bundle(directory);
  for (const [to, from] of protoFiles) copy(from, join(directory, to));
  copyKoffi(directory);
  const hook = 'deploy/libvirt/hooks/qemu';
  copy(join(root, hook), join(directory, hook));
  writeManifest(directory);
  copy(join(root, 'LICENSE'), join(directory, 'LICENSE'));
  writeFileSync(join(directory, 'THIRD-PARTY-LICENSES'), collectLicences(listPackages(metafile)));
  // For tests; no part of the image.
  writeFileSync(`${directory}.meta.json`, JSON.stringify(metafile));
  console.log(`Bundled into ${relative(process.cwd(), directory)}`);
}

await buildBundle(resolve(root, process.argv[2] ?? 'dist/bundle'));
