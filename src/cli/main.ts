#!/usr/bin/env node
// Where the command line begins. Node can keep what it compiles of our files for the next time (22.8 and later): that is told it
// first, so nearly all is loaded afterwards.

import module from 'node:module';
import { join } from 'node:path';
import { attempt } from '../spec/told.ts';
import { makeFolder, privately } from '../store/disk/look.ts';
import { ownCache } from './keep/own-cache.ts';

const { enableCompileCache: enable } = module as { enableCompileCache?: (folder: string) => unknown };
/** Whoever says where the cache is, or that there is none, says nothing of this one. */
const isTold = process.argv.some((arg) => /^--(?:no-)?cache(?:=|$)/.test(arg));
const folder = isTold ? undefined : ownCache();
if (enable !== undefined && folder?.isSafe)
  attempt(() => {
    const own = join(folder.path, 'node');
    makeFolder(own, privately);
    enable(own);
  }, undefined);

await import('./program.ts');
