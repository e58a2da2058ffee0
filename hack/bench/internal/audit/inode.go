package audit

import (
	"fmt"
	"os"
	"syscall"
)

// inodeOf identifies a file across renames.
func inodeOf(info os.FileInfo) (uint64, error) {
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return 0, fmt.Errorf("%s: no inode", info.Name())
	}
	return stat.Ino, nil
}
