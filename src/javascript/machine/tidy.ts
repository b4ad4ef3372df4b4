// What of a guest's memory means nothing: freed memory and what functions left on their stack when they returned. It is
// set back to what the image has there, so that a token need not hold it.
//
// The allocator is wasi-libc's: chunks follow each other, each with two words before its contents, the size of the chunk
// before it where that is free, and its own size with two bits: whether the chunk before and whether itself is in use. A
// free chunk has up to six more words of its own. A walk that does not end where the heap does proves that the heap is
// not as told here, and nothing is changed.
