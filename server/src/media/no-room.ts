/** What tools and libraries say when the disk is full: not the file's fault, and over as soon as there is room. */
export const noRoom = /No space left on device|Disk quota exceeded|ENOSPC|EDQUOT/;
