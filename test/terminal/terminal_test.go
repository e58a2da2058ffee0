package terminal

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/charmbracelet/x/ansi"
	"github.com/charmbracelet/x/vt"
	"github.com/creack/pty"
	"github.com/stretchr/testify/require"
)

// program is kubectl-rcroll, built for these tests.
var program string

func TestMain(m *testing.M) {
	directory, err := os.MkdirTemp("", "rcroll-terminal-")
	if err != nil {
		panic(err)
	}
	program = filepath.Join(directory, "kubectl-rcroll")
	build := exec.Command("go", "build", "-buildvcs=false", "-o", program, "./cmd/kubectl-rcroll")
	build.Dir = filepath.Join("..", "..")
	build.Stderr = os.Stderr
	if err := build.Run(); err != nil {
		panic(err)
	}
	code := m.Run()
	_ = os.RemoveAll(directory)
	os.Exit(code)
}

// terminal is a program in a pseudo-terminal.
type terminal struct {
	*testing.T
	command *exec.Cmd
	file    *os.File
	ended   chan error

	mu       sync.Mutex
	emulator *vt.Emulator
	modes    map[ansi.Mode]bool
	written  strings.Builder
}

// start runs kubectl rcroll in a terminal of that size.
func start(t *testing.T, kubeconfig string, width, height int, environment []string, args ...string) *terminal {
	t.Helper()
	term := &terminal{T: t, emulator: vt.NewEmulator(width, height), ended: make(chan error, 1), modes: map[ansi.Mode]bool{}}
	term.emulator.SetCallbacks(vt.Callbacks{
		EnableMode:  func(mode ansi.Mode) { term.modes[mode] = true },
		DisableMode: func(mode ansi.Mode) { term.modes[mode] = false },
	})
	term.command = exec.Command(program, args...)
	term.command.Env = append([]string{"KUBECONFIG=" + kubeconfig, "HOME=" + t.TempDir(), "TERM=xterm-256color", "PATH=" + os.Getenv("PATH")}, environment...)
	var err error
	term.file, err = pty.StartWithSize(term.command, &pty.Winsize{Rows: uint16(height), Cols: uint16(width)})
	require.NoError(t, err)
	read := make(chan struct{})
	go func() {
		defer close(read)
		buffer := make([]byte, 1<<16)
		for {
			n, err := term.file.Read(buffer)
			term.mu.Lock()
			_, _ = term.emulator.Write(buffer[:n])
			term.written.Write(buffer[:n])
			term.mu.Unlock()
			if err != nil {
				return // Linux says that the other side is closed by an error.
			}
		}
	}()
	go func() {
		err := term.command.Wait()
		<-read
		term.ended <- err
	}()
	t.Cleanup(func() {
		_ = term.command.Process.Kill()
		_ = term.file.Close()
	})
	return term
}

// screen is what is to be seen.
func (t *terminal) screen() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.emulator.String()
}

// raw is all that was ever written.
func (t *terminal) raw() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.written.String()
}

func (t *terminal) mode(mode ansi.Mode) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.modes[mode]
}

// await waits until all of that is to be seen.
func (t *terminal) await(texts ...string) {
	t.Helper()
	require.Eventually(t, func() bool {
		screen := t.screen()
		for _, text := range texts {
			if !strings.Contains(screen, text) {
				return false
			}
		}
		return true
	}, time.Minute, 20*time.Millisecond, "%q is not on the screen", texts)
}

func (t *terminal) resize(width, height int) {
	t.Helper()
	t.mu.Lock()
	t.emulator.Resize(width, height)
	t.mu.Unlock()
	require.NoError(t, pty.Setsize(t.file, &pty.Winsize{Rows: uint16(height), Cols: uint16(width)}))
}

// press types keys.
func (t *terminal) press(keys string) {
	t.Helper()
	_, err := t.file.WriteString(keys)
	require.NoError(t, err)
}

// exitCode waits for the end.
func (t *terminal) exitCode() int {
	t.Helper()
	select {
	case err := <-t.ended:
		if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) {
			require.NoError(t, err)
		}
		return t.command.ProcessState.ExitCode()
	case <-time.After(time.Minute):
		require.Fail(t, "the program does not end", "%s", t.screen())
		return -1
	}
}
