// The gateway between xrdp 0.9 and FreeRDP 2.

import { debian12 } from '../packages.ts';
import { tell } from './story.ts';

tell(await debian12());
