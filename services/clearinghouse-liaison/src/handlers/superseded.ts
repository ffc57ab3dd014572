import { z } from 'zod';
import { openJws } from '@calbus/trust/jws';
import { isSuperseded } from '../domain/superseded.ts';
import type { Store } from '../ports.ts';

const LOOKED_AT = 100;
const ofEpoch = z.object({ epoch: z.int() });

export const superseded = (store: Pick<Store, 'activation' | 'newest'>): boolean =>
  isSuperseded(
    store.activation(),
    store.newest(LOOKED_AT),
    ({ jws }) => ofEpoch.safeParse(openJws(jws)?.payload).data?.epoch,
  );
