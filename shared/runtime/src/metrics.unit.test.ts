import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { createMetrics, SIZES } from './metrics.ts';

describe('metrics', () => {
  test('what is counted by reason is there with a zero before it happens, and nothing else can be added', async () => {
    const metrics = createMetrics();
    const count = metrics.countBy('calbus_x_total', 'X.', 'code', ['A', 'B']);
    count('B');
    count('B', 2);
    (count as (value: string) => void)('made up');
    const text = await metrics.text();
    assert.match(text, /^calbus_x_total\{code="A"\} 0$/m);
    assert.match(text, /^calbus_x_total\{code="B"\} 3$/m);
    assert.doesNotMatch(text, /made up/);
  });

  test('what is not known now has no value, and what cannot be looked at takes nothing else with it', async () => {
    const metrics = createMetrics();
    let known: number | undefined = 5;
    metrics.value('calbus_known', 'K.', () => known);
    metrics.value('calbus_broken', 'B.', () => {
      throw new Error('the database is gone');
    });
    metrics.values('calbus_stock', 'S.', ['version'], () =>
      known === undefined ? [] : [[{ version: '2003' }, 2]],
    );
    assert.match(await metrics.text(), /^calbus_known 5$/m);
    assert.match(await metrics.text(), /^calbus_stock\{version="2003"\} 2$/m);
    known = undefined;
    const text = await metrics.text();
    assert.doesNotMatch(text, /^calbus_(known|broken|stock)[ {]/m);
  });

  test('how values are spread', async () => {
    const metrics = createMetrics();
    const size = metrics.spread('calbus_size', 'S.', SIZES);
    size(3);
    size(5_000);
    const text = await metrics.text();
    assert.match(text, /^calbus_size_bucket\{le="2"\} 0$/m);
    assert.match(text, /^calbus_size_bucket\{le="4"\} 1$/m);
    assert.match(text, /^calbus_size_count 2$/m);
    assert.deepEqual(metrics.names(), ['calbus_size']);
  });
});
