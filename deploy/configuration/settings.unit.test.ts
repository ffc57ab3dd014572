import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { describeSettings } from '@calbus/runtime/setting-descriptions';
import { configured } from './page.ts';

describe('every setting of every service', () => {
  for (const [name, { schema }] of Object.entries(configured)) {
    test(`${name}: says in a sentence what it is`, () => {
      for (const { variable, about } of describeSettings(schema)) assert.match(about, /^.{10,}\.$/, variable);
    });
  }
});
