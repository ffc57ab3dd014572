// The gateway between xrdp 0.9 and FreeRDP 2.

import { debian12 } from '../packages.ts';
import { describeScenario } from './scenario.ts';

describeScenario(await debian12());
