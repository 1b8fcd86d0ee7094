/**
 * `npm run test:races [-- STEPS LAUNCHES]`: the races of `test/hostile/` as often as the contract asks for them. Root.
 * 0 leaves one of them out.
 * Prints a table for docs/races.md; ends with status 1 where anything was got that must not be.
 */
import { addUp, sumOf, type Loot } from '../support/entry-attackers.ts';
import { EntryRace, insidePoints } from '../support/entry-race.ts';
import { ReuseRig, reuseSteps, type ReuseRound } from '../support/reuse-rig.ts';
import { Scratch } from '../support/scratch.ts';

const [rounds = 1000, launches = 10_000] = process.argv.slice(2).map(Number);
/** Of what succeeds nearly always, fewer say as much. */
const SHARE = 20;
const HOLDS = 10;
const kinds = ['qemu', 'root'] as const;
let failures = 0;

function say(what: string, isOn: boolean, count: number, got: string, begin: number): void {
  const seconds = ((performance.now() - begin) / 1000).toFixed(0);
  console.log(`| ${what} | ${isOn ? 'on' : 'off'} | ${count} | ${got} | ${seconds} s |`);
}

async function reuse(isPinned: boolean, count: number): Promise<void> {
  const scratch = Scratch.open('test');
  try {
    const rig = await ReuseRig.open(scratch, isPinned);
    const play = async (name: string, round: () => Promise<ReuseRound>): Promise<void> => {
      const begin = performance.now();
      let reused = 0;
      let reached = 0;
      for (let tries = 0; reused < count && tries < 2 * count; tries++) {
        const { isReused, isEntered, isRead, signals } = await round();
        reused += Number(isReused);
        reached += Number(isReused && (isEntered || isRead || signals > 0));
      }
      failures += Number(isPinned ? reached > 0 || reused < count : reached <= reused / 2);
      say(`pid reused ${name}`, isPinned, reused, `${reached}`, begin);
    };
    for (const step of reuseSteps) await play(step, () => rig.launch(step));
    await play('before a signal', () => Promise.resolve(rig.signal()));
  } finally {
    await scratch.close();
  }
}

async function enter(isGuarded: boolean, count: number): Promise<void> {
  const scratch = Scratch.open('test');
  const sayLoot = (what: string, kind: string | undefined, done: number, loot: Loot, begin: number): void => {
    const { seen, early, late } = loot;
    const got = `${sumOf(early)} (${seen} seen, ${sumOf(late)} after the exec)`;
    say(`${what}, attacked by ${kind}`, isGuarded, done, got, begin);
    if (isGuarded) failures += Number(sumOf(early) > 0 || seen === 0);
    else if (what === 'held at before-exec' && kind === 'qemu') failures += Number(sumOf(early) === 0);
  };
  try {
    const race = await EntryRace.open(scratch, isGuarded);
    for (const point of insidePoints) {
      const begin = performance.now();
      const held: (readonly Loot[])[] = [];
      while (held.length < HOLDS) held.push(await race.hold(point, kinds));
      for (const [index, kind] of kinds.entries())
        sayLoot(`held at ${point}`, kind, HOLDS, addUp(held.flatMap((loots) => loots[index] ?? [])), begin);
    }
    const begin = performance.now();
    const loots = await race.run(count, kinds);
    for (const [index, loot] of loots.entries()) sayLoot('launches', kinds[index], count, loot, begin);
  } finally {
    await scratch.close();
  }
}

console.log('| race | defence | rounds | successes | time |\n| --- | --- | --- | --- | --- |');
if (rounds > 0) {
  await reuse(true, rounds);
  await reuse(false, Math.ceil(rounds / SHARE));
}
if (launches > 0) {
  await enter(true, launches);
  await enter(false, Math.ceil(launches / SHARE));
}
process.exitCode = failures === 0 ? 0 : 1;
