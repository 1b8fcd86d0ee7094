import { expect } from 'chai';
import { listGrantedVerbs, readAuditedVerbs } from '../../cluster/audited-verbs.ts';

const driver = 'system:serviceaccount:kubevirt-node-driver:node-driver';

function line(username: string, verb: string, objectRef: object | undefined, decision: string): string {
  return JSON.stringify({
    user: { username },
    verb,
    objectRef,
    annotations: { 'authorization.k8s.io/decision': decision },
  });
}

describe('readAuditedVerbs', () => {
  it('lists each verb of the user once, apart from what was forbidden', () => {
    const log = [
      line(driver, 'watch', { resource: 'pods', apiVersion: 'v1' }, 'allow'),
      line(driver, 'list', { resource: 'pods', apiVersion: 'v1' }, 'allow'),
      line(driver, 'watch', { resource: 'pods', apiVersion: 'v1' }, 'allow'),
      line(driver, 'create', { apiGroup: 'authentication.k8s.io', resource: 'tokenreviews' }, 'allow'),
      line(driver, 'get', undefined, 'allow'),
      line(driver, 'patch', { resource: 'pods', subresource: 'status' }, 'forbid'),
      line('somebody', 'delete', { resource: 'pods' }, 'allow'),
      '',
    ].join('\n');
    expect(readAuditedVerbs(log, driver)).to.deep.equal({
      allowed: ['create tokenreviews.authentication.k8s.io', 'get -', 'list pods', 'watch pods'],
      forbidden: ['patch pods/status'],
    });
  });
});

describe('listGrantedVerbs', () => {
  it('lists what the rules of a role come to, in the words of the log', () => {
    const rules = [
      { apiGroups: [''], resources: ['pods', 'events'], verbs: ['list'] },
      { apiGroups: ['authentication.k8s.io'], resources: ['tokenreviews'], verbs: ['create', 'list'] },
    ];
    expect(listGrantedVerbs(rules)).to.deep.equal([
      'create tokenreviews.authentication.k8s.io',
      'list events',
      'list pods',
      'list tokenreviews.authentication.k8s.io',
    ]);
  });
});
