/** What may hold a secret, by its path below a scratch directory, and why: nothing else is left out of the search. */
const exclusions: readonly { readonly path: RegExp; readonly why: string }[] = [
  { path: /^libvirt$/, why: "libvirt's own files, and the XML that the tests give it: see docs/secrets.md" },
  { path: /^kubernetes\/etcd$/, why: 'the database of a cluster, which has its Secrets' },
  { path: /^kubernetes\/applied$/, why: 'the manifests of the Secrets that a test applies' },
  {
    path: /^kubernetes\/kubelet\/pods\/[^/]+\/volumes\/kubernetes\.io~secret$/,
    why: 'the Secret volumes of the pods of a cluster',
  },
  {
    path: /^kubernetes\/containerd\/io\.containerd\.content\.[^/]+$/,
    why: 'the archives of images; what came out of them, and what containers wrote over it, is searched as snapshots',
  },
  {
    path: /^kubernetes\/containerd\/.*\/rootfs$/,
    why: 'the snapshots once more, mounted for their containers',
  },
  { path: /^pod-[^/]+\/secret$/, why: 'the Secret volume of a pod' },
  { path: /^root-[^/]+\/etc\/kubevirt\/node-driver\/secret$/, why: 'the secret of a pod, in its own root' },
  {
    path: /^volume\/(saved|[^/]+\.memory)$/,
    why: "libvirt's memory images, which hold the XML of the domain",
  },
  { path: /^host-secret$/, why: 'a file of the node that a test puts in the way of a pod' },
  { path: /^secret-[^/]+$/, why: 'what a test gives to `node-driver secret seal --secret-file`' },
];

export function isExcluded(name: string): boolean {
  return exclusions.some(({ path }) => path.test(name));
}
