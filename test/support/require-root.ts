if (process.geteuid?.() !== 0) {
  console.error(
    'The tests need root: they start libvirt, containers and QEMU, and enter namespaces and cgroups.\n' +
      'Run "sudo npm test"; "npm run test:unit" and "npm run check" need no root.',
  );
  process.exitCode = 1;
}
