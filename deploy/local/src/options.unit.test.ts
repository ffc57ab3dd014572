import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readOptions } from './options.ts';

test('--rdp is a host and a port, or is refused in a sentence', () => {
  assert.equal(readOptions([]).rdp, undefined);
  assert.equal(readOptions(['--rdp', '127.0.0.1:13390']).rdp, '127.0.0.1:13390');
  for (const wrong of ['127.0.0.1', ':3389', 'farm:rdp', 'a b:1'])
    assert.throws(
      () => readOptions(['--rdp', wrong]),
      /--rdp is the host:port of an RDP server, but .* is not\. /,
    );
  assert.throws(() => readOptions(['--rpd', 'x']), /`npm start -- --help` shows the options\.$/);
});
