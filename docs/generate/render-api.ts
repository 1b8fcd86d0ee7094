import { status } from '@grpc/grpc-js';
import protobuf from 'protobufjs';

import { refusalStatus } from '../../daemon/api/refusal-status.ts';
import { Refusal, refusalCodes } from '../../daemon/errors.ts';
import { markdownTable } from './markdown-table.ts';

const introduction = `# The API

<!-- Written by "npm run generate:docs" from proto/kubevirt/nodedriver/v1/node_driver.proto and daemon/api/refusal-status.ts. -->

PURPOSE

Beside this service, the socket serves the standard ones for [health](https://grpc.io/docs/guides/health-checking/)
(\`grpc.health.v1.Health\`) and [reflection](https://grpc.io/docs/guides/reflection/) (\`v1\` and \`v1alpha\`), so a client needs no
file of ours:

\`\`\`sh
grpcurl -plaintext -unix /run/kubevirt-node-driver/api/api.sock list kubevirt.nodedriver.v1.NodeDriverService
grpcurl -plaintext -unix -d '{"vm":{"uuid":"7a1c7a24-52d2-4bd3-a8c0-0d4f3a4e9f10"}}' /run/kubevirt-node-driver/api/api.sock \\
  kubevirt.nodedriver.v1.NodeDriverService/ResolveTarget
\`\`\`

In other languages the target is \`unix:///run/kubevirt-node-driver/api/api.sock\`.
\`test/fixtures/api-client.py\` does every call in Python, by reflection alone. Fields and calls are only
added within \`v1\`.
`;

/** What a caller gets without that a call of ours has run. */
const general = [
  ['UNAUTHENTICATED', 'The daemon cannot tell who called'],
  ['UNIMPLEMENTED', 'There is no such call, or the daemon is of an earlier release'],
  ['RESOURCE_EXHAUSTED', 'The message is too large, or too many secrets were checked'],
  ['DEADLINE_EXCEEDED', "The caller's own deadline has passed"],
  [
    'UNAVAILABLE',
    'No daemon, or it stops; also for a caller that is not on the allow-list, whose connection is closed',
  ],
  ['INTERNAL', "The daemon's fault; its log says more"],
] as const;

/** The text of docs/api.md. */
export function renderApi(protoText: string): string {
  const root = new protobuf.Root();
  protobuf.parse(protoText, root, { alternateCommentMode: true, keepCase: true });
  const scope = root.lookup('kubevirt.nodedriver.v1');
  if (!(scope instanceof protobuf.Namespace)) throw new Error('Cannot find the package in the proto file');
  const purpose = /^((?:\/\/ .*\n|\/\/\n)+)/u.exec(protoText)?.[1]?.replaceAll(/^\/\/ ?/gmu, '') ?? '';
  const sections = [
    introduction.replace('PURPOSE', () => purpose.trim()),
    ...scope.nestedArray.flatMap((each) => (each instanceof protobuf.Service ? [renderService(each)] : [])),
    renderStatuses(),
    '## Messages',
    ...scope.nestedArray.flatMap((each) => {
      if (each instanceof protobuf.Type) return [renderMessage(each)];
      return each instanceof protobuf.Enum ? [renderEnum(each)] : [];
    }),
  ];
  return `${sections.join('\n\n')}\n`;
}

function renderService(service: protobuf.Service): string {
  const calls = service.methodsArray.map((method) => {
    const response = `${method.responseStream === true ? 'stream of ' : ''}${linkTo(method.responseType)}`;
    return `### ${method.name}\n\n${linkTo(method.requestType)} → ${response}\n\n${method.comment ?? ''}`;
  });
  return [`## ${service.name}`, service.comment ?? '', ...calls].join('\n\n');
}

function renderStatuses(): string {
  const rows = refusalCodes.map((code) => {
    const { code: number } = refusalStatus(new Refusal(code, '', ''));
    return [`[\`${code}\`](troubleshooting.md#${code})`, status[number]];
  });
  return [
    '## Status codes',
    'A refusal has the code of its kind, and its own, which is stable, in the trailer `refusal-code`:',
    markdownTable(['`refusal-code`', 'status'], rows),
    'Without that trailer:',
    markdownTable(['status', 'meaning'], general),
  ].join('\n\n');
}

function renderMessage(message: protobuf.Type): string {
  const rows = message.fieldsArray.map((field) => {
    const type = `${field.repeated ? 'repeated ' : ''}${linkTo(field.type)}`;
    const choice = field.partOf === null ? '' : `_One of \`${field.partOf.name}\`._ `;
    return [String(field.id), `\`${field.name}\``, type, choice + oneLine(field.comment)];
  });
  const fields = rows.length === 0 ? [] : [markdownTable(['no.', 'field', 'type', 'meaning'], rows)];
  return [`### ${message.name}`, message.comment ?? '', ...fields].join('\n\n');
}

function renderEnum(type: protobuf.Enum): string {
  const rows = Object.entries(type.values).map(([name, value]) => [
    String(value),
    `\`${name}\``,
    oneLine(type.comments[name]),
  ]);
  return [`### ${type.name}`, type.comment ?? '', markdownTable(['no.', 'name', 'meaning'], rows)].join(
    '\n\n',
  );
}

function oneLine(comment: string | null | undefined): string {
  return (comment ?? '').replaceAll(/\s+/gu, ' ');
}

/** Links to what this page has; others are of protobuf itself. */
function linkTo(type: string): string {
  return /^[A-Z]/u.test(type) ? `[${type}](#${type.toLowerCase()})` : `\`${type}\``;
}
