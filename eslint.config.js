import tseslint from 'typescript-eslint';

/** Modules that only one place may import, and what to import there instead. */
const doors = [
  { group: ['koffi'], message: 'Only daemon/host/libc/system-library.ts imports the FFI.' },
  { group: ['winston', 'winston/*'], message: 'Only daemon/observe/logger.ts imports winston.' },
  {
    group: ['prom-client'],
    message: 'Only daemon/observe/metrics.ts and daemon/observe/metrics/ import prom-client.',
  },
  { group: ['@grpc/*', 'grpc-health-check'], message: 'Only daemon/api/ imports gRPC.' },
  { group: ['@kubernetes/*'], message: 'Only daemon/kubernetes/ imports the Kubernetes client.' },
  { group: ['@rgrove/*'], message: 'Only daemon/domain/xml-source.ts imports the XML parser.' },
  {
    group: ['child_process', 'node:child_process'],
    message: 'Only daemon/host/ and the tests start processes.',
  },
];

/** A block for `files` in which the doors of the named modules are open and all others stay closed. */
function open(files, ...modules) {
  const patterns = doors.filter(({ group }) => !modules.some((name) => group.includes(name)));
  return { files, rules: { '@typescript-eslint/no-restricted-imports': ['error', { patterns }] } };
}

export const config = tseslint.config(
  { ignores: ['node_modules/', 'dist/', 'coverage/', 'stub/build/', 'daemon/api/generated/'] },
  { linterOptions: { reportUnusedDisableDirectives: 'error' } },
  ...tseslint.configs.strictTypeChecked,
  ...tseslint.configs.stylisticTypeChecked,
  {
    languageOptions: { parserOptions: { project: './tsconfig.json', tsconfigRootDir: import.meta.dirname } },
  },
  {
    files: ['**/*.ts'],
    rules: {
      '@typescript-eslint/consistent-type-imports': 'error',
      '@typescript-eslint/explicit-module-boundary-types': 'error',
      '@typescript-eslint/no-floating-promises': 'error',
      '@typescript-eslint/no-misused-promises': 'error',
      '@typescript-eslint/only-throw-error': 'error',
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true }],
      '@typescript-eslint/no-confusing-void-expression': ['error', { ignoreArrowShorthand: true }],
      '@typescript-eslint/strict-void-return': 'off',
      '@typescript-eslint/switch-exhaustiveness-check': [
        'error',
        { considerDefaultExhaustiveForUnions: true },
      ],
      '@typescript-eslint/use-unknown-in-catch-callback-variable': 'error',
      '@typescript-eslint/prefer-readonly': 'error',
      eqeqeq: 'error',
      'max-lines': ['error', 400],
      'no-console': 'off',
      'no-restricted-syntax': [
        'error',
        { selector: 'ExportDefaultDeclaration', message: 'Export by name.' },
        { selector: 'PropertyDefinition[accessibility="private"]', message: 'Use #private.' },
        {
          selector: 'MethodDefinition[accessibility="private"][kind!="constructor"]',
          message: 'Use #private.',
        },
        {
          selector: 'CallExpression[callee.object.name="process"][callee.property.name="exit"]',
          message: 'Set process.exitCode and let the loop end: process.exit() loses log lines.',
        },
      ],
    },
  },
  open(['daemon/**/*.ts']),
  open(['daemon/host/**/*.ts'], 'node:child_process'),
  open(['daemon/host/libc/system-library.ts'], 'koffi', 'node:child_process'),
  open(['daemon/observe/logger.ts'], 'winston'),
  open(['daemon/observe/metrics.ts', 'daemon/observe/metrics/**/*.ts'], 'prom-client'),
  open(['daemon/api/**/*.ts'], '@grpc/*'),
  open(['daemon/kubernetes/**/*.ts'], '@kubernetes/*'),
  open(['daemon/domain/xml-source.ts'], '@rgrove/*'),
  {
    files: ['test/**/*.ts'],
    rules: {
      // `expect(x).to.be.true` is an expression, and mocha's suites are functions that may grow long.
      '@typescript-eslint/no-unused-expressions': 'off',
    },
  },
  {
    files: ['test/compatibility/rows/**/*.ts'],
    rules: {
      // A table's type says what the functions in it take and give.
      '@typescript-eslint/explicit-module-boundary-types': 'off',
    },
  },
  { files: ['**/*.js'], ...tseslint.configs.disableTypeChecked },
);

// ESLint accepts the configuration only as a default export.
export { config as default };
