// A test of the suite: reported as skipped where the suite is not there (locate.ts says so loudly).

import test from 'ava';
import { testsuite } from '../locate.ts';

export const suiteTest = testsuite === undefined ? test.skip : test;
