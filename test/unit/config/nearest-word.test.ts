import { expect } from 'chai';
import { nearestWord } from '../../../daemon/config/nearest-word.ts';

describe('nearestWord', () => {
  const words = ['proc', 'project', 'secret-file', 'secret-lifetime'];
  const rows = [
    ['proc', 'proc'],
    ['porc', 'proc'],
    ['projects', 'project'],
    ['secret_file', 'secret-file'],
    ['secret-life-time', 'secret-lifetime'],
    ['zzzzzzzz', undefined],
  ] as const;
  for (const [given, expected] of rows) {
    it(`takes ${given} for ${expected ?? 'none'}`, () => {
      expect(nearestWord(given, words)).to.equal(expected);
    });
  }
});
