import { clockConformance } from '../ports/clock.conformance.ts';
import { systemClock } from './clock-system.ts';

clockConformance(() => systemClock);
