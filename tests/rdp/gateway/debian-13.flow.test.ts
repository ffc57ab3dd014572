// The gateway between xrdp 0.10 and FreeRDP 3.

import { debian13 } from '../packages.ts';
import { tell } from './story.ts';

tell(await debian13());
