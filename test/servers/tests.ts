// Tests that need servers: skipped where there are none. Serial, since servers share the machine.

import test from 'ava';
import { hasPostgres } from './postgres.ts';
import { hasRedis } from './redis.ts';

export const withRedis = hasRedis ? test.serial : test.serial.skip;
export const withPostgres = hasPostgres ? test.serial : test.serial.skip;
