import { writeFileSync } from 'node:fs';
import type { Certificates } from './certificates.ts';
import type { ClusterPlace } from './cluster-place.ts';

/** Writes how a client reaches the API server, with a certificate that has been issued as `file`. */
export function writeKubeconfig(
  path: string,
  { address }: ClusterPlace,
  certificates: Certificates,
  file: string,
): void {
  const cluster = { server: `https://${address}`, 'certificate-authority': certificates.authority };
  const user = { 'client-certificate': certificates.certificate(file), 'client-key': certificates.key(file) };
  const config = {
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: 'test', cluster }],
    users: [{ name: file, user }],
    contexts: [{ name: 'test', context: { cluster: 'test', user: file } }],
    'current-context': 'test',
  };
  writeFileSync(path, JSON.stringify(config), { mode: 0o600 });
}
