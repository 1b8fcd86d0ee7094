import type { Config } from './config/config.ts';
import type { HostView } from './host/host-view.ts';
import { parseUsers, readHostFile, resolveGroup, resolveUsers } from './host/user-database.ts';
import type { Logger } from './observe/logger.ts';

/** Who may launch, whose group may connect, and who may use the API. */
export interface Access {
  readonly launchUids: ReadonlySet<number>;
  readonly launchGid: number;
  readonly apiUids: ReadonlySet<number>;
  /** Who may launch by the stubs of a profile, by its name. */
  readonly profileUids: ReadonlyMap<string, ReadonlySet<number>>;
}

type AccessConfig = Pick<Config, 'launchUsers' | 'launchGroup' | 'apiUsers' | 'profiles'>;

/**
 * Looks the users and the group of the configuration up in the node's files.
 *
 * @throws Error when the node does not have the configured group
 */
export function resolveAccess(config: AccessConfig, host: Pick<HostView, 'root'>, logger: Logger): Access {
  const users = parseUsers(readHostFile(host.root, '/etc/passwd'));
  const launch = resolveUsers(users, config.launchUsers);
  const api = resolveUsers(users, config.apiUsers);
  if (launch.uids.size === 0)
    logger.warn('Nobody may launch: the node has none of the launch-users', { users: launch.unknown });
  if (api.uids.size === 0)
    logger.warn('Nobody may use the API: the node has none of the api-users', { users: api.unknown });
  const launchGid = groupOf(config.launchGroup, host) ?? launch.gid;
  if (launchGid === null && launch.uids.size > 0)
    logger.warn('Only root can connect to the launch socket: set launch-group, or use the setuid stub', {
      users: config.launchUsers,
    });
  const profileUids = new Map<string, ReadonlySet<number>>();
  for (const [profile, { launchUsers }] of config.profiles) {
    const { uids, unknown } = resolveUsers(users, launchUsers);
    if (uids.size === 0)
      logger.warn('Nobody may launch by a profile: the node has none of its launch-users', {
        profile,
        users: unknown,
      });
    profileUids.set(profile, uids);
  }
  return { launchUids: launch.uids, launchGid: launchGid ?? 0, apiUids: api.uids, profileUids };
}

function groupOf(launchGroup: string | null, host: Pick<HostView, 'root'>): number | null {
  if (launchGroup === null) return null;
  const gid = resolveGroup(host.root, launchGroup);
  if (gid === null)
    throw new Error(`Cannot find the group "${launchGroup}": create it, or correct "launch-group"`);
  return gid;
}
