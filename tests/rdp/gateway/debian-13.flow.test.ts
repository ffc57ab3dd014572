// The gateway between xrdp 0.10 and FreeRDP 3.

import { debian13 } from '../packages.ts';
import { describeScenario } from './scenario.ts';

describeScenario(await debian13());
