package process

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"
	"time"
)

// lockTimeout bounds the wait for an exclusive lock: lockHeld takes a shared one for an instant.
const lockTimeout = 200 * time.Millisecond

// ErrLocked is returned for a file that somebody else has locked.
var ErrLocked = errors.New("already running")

// lockExclusive opens file, creating it if need be, and locks it.
func lockExclusive(file string) (*os.File, error) {
	f, err := os.OpenFile(file, os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, err
	}
	for deadline := time.Now().Add(lockTimeout); ; time.Sleep(pollInterval) {
		err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if err == nil {
			return f, nil
		}
		if !errors.Is(err, syscall.EWOULDBLOCK) {
			break
		}
		if time.Now().After(deadline) {
			err = ErrLocked
			break
		}
	}
	_ = f.Close()
	return nil, fmt.Errorf("locking %s: %w", file, err)
}

// lockHeld reports whether somebody holds an exclusive lock on file. It tries a shared lock, so that two concurrent calls
// do not mistake each other for the holder.
func lockHeld(file string) (bool, error) {
	f, err := os.Open(file)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	defer func() { _ = f.Close() }() // which also gives the lock back
	err = syscall.Flock(int(f.Fd()), syscall.LOCK_SH|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return true, nil
	}
	return false, err
}

// LockDir creates dir if need be and locks it, waiting for another holder until ctx ends.
func LockDir(ctx context.Context, dir string) (unlock func(), err error) {
	for {
		f, err := tryLockDir(dir)
		if err != nil {
			return nil, fmt.Errorf("locking %s: %w", dir, err)
		}
		if f != nil {
			return func() { _ = f.Close() }, nil
		}
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("waiting for another command that is using %s: %w", dir, ctx.Err())
		case <-time.After(pollInterval):
		}
	}
}

// tryLockDir returns nil without an error if dir is locked by somebody, or was removed while it was being locked.
func tryLockDir(dir string) (*os.File, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	f, err := os.Open(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if err == nil && sameFile(f, dir) {
		return f, nil
	}
	_ = f.Close()
	if err == nil || errors.Is(err, syscall.EWOULDBLOCK) {
		return nil, nil
	}
	return nil, err
}

func sameFile(f *os.File, path string) bool {
	a, err := f.Stat()
	if err != nil {
		return false
	}
	b, err := os.Stat(path)
	return err == nil && os.SameFile(a, b)
}
