package terminal

import (
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/charmbracelet/x/ansi"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

const ctrlC, ctrlZ = "\x03", "\x1a"

// halfway serves a rollout of two pods of which one is new.
func halfway(t *testing.T) (s *apiServer, kubeconfig string) {
	s, kubeconfig = startAPIServer(t)
	s.put(requesting(1), successor(1, 1), pod("tomcat-aaaaa", requesting(1), true), pod("tomcat-0123-bbbbb", successor(1, 1), true))
	for _, name := range []string{"other", "another"} {
		idle := tomcat("tomcat:1", 2)
		idle.SetName(name)
		idle.SetUID("uid-of-other")
		s.put(idle)
	}
	return s, kubeconfig
}

// A rollout is shown as it goes on, in place, to its end; and only what belongs to it is
// watched.
func TestWatch(t *testing.T) {
	s, kubeconfig := halfway(t)
	term := start(t, kubeconfig, 100, 30, nil, "get", "tomcat", "--watch")
	term.await("rc/tomcat  Rolling  namespace shop", "1 of 2 pods replaced", "tomcat:7 → tomcat:8", "requested by alice", "● tomcat-aaaaa", "● tomcat-0123-bbbbb")
	assert.False(t, term.mode(ansi.ModeTextCursorEnable), "there is a cursor")
	assert.True(t, term.mode(ansi.ModeAltScreenSaveCursor))
	assert.Contains(t, term.raw(), "\x1b[32m", "there is no colour")

	s.put(successor(2, 1), pod("tomcat-0123-ccccc", successor(2, 1), false))
	term.await("○ tomcat-0123-ccccc", "Pending", "new, 1 of 2 available")
	s.put(pod("tomcat-0123-ccccc", successor(2, 2), true), successor(2, 2), requesting(0))
	s.remove(pod("tomcat-aaaaa", requesting(0), true))
	term.await("2 of 2 pods replaced")
	assert.NotContains(t, term.screen(), "tomcat-aaaaa")

	done := tomcat("tomcat:8", 2)
	s.remove(successor(2, 2))
	s.put(done, pod("tomcat-0123-bbbbb", done, true), pod("tomcat-0123-ccccc", done, true))
	term.await("rc/tomcat  Complete", "all 2 pods are available", "● tomcat-0123-ccccc")
	assert.Equal(t, 1, strings.Count(term.screen(), "namespace shop"), "a frame is not in its place:\n%s", term.screen())
	watched := s.selectors()
	assert.ElementsMatch(t, []string{"metadata.name=tomcat", "rcroll.dev/rolling=true"}, watched["replicationcontrollers"])
	assert.Equal(t, []string{"app=tomcat"}, watched["pods"])
}

// Ctrl-C ends it and restores the terminal; the last frame stays.
func TestInterrupt(t *testing.T) {
	_, kubeconfig := halfway(t)
	term := start(t, kubeconfig, 80, 24, nil, "get", "tomcat", "--watch")
	before, err := unix.IoctlGetTermios(int(term.file.Fd()), unix.TCGETS)
	require.NoError(t, err)
	term.await("1 of 2 pods replaced")
	term.press(ctrlC)
	assert.Equal(t, 130, term.exitCode())
	assert.True(t, term.mode(ansi.ModeTextCursorEnable), "there is no cursor")
	assert.True(t, term.mode(ansi.ModeAutoWrap), "lines are not wrapped")
	assert.False(t, term.mode(ansi.ModeAltScreenSaveCursor), "it is the other screen")
	after, err := unix.IoctlGetTermios(int(term.file.Fd()), unix.TCGETS)
	require.NoError(t, err)
	assert.Equal(t, before, after, "the terminal is in another mode")
	assert.Contains(t, term.screen(), "1 of 2 pods replaced")
	assert.NotContains(t, term.screen(), "error")
}

// A signal ends it as well.
func TestTerminate(t *testing.T) {
	_, kubeconfig := halfway(t)
	term := start(t, kubeconfig, 80, 24, nil, "get", "tomcat", "--watch")
	term.await("1 of 2 pods replaced")
	require.NoError(t, term.command.Process.Signal(syscall.SIGTERM))
	assert.Equal(t, 130, term.exitCode())
	assert.True(t, term.mode(ansi.ModeTextCursorEnable), "there is no cursor")
}

// While it is suspended the terminal is the shell's.
func TestSuspend(t *testing.T) {
	_, kubeconfig := halfway(t)
	term := start(t, kubeconfig, 80, 24, nil, "get", "tomcat", "--watch")
	term.await("1 of 2 pods replaced")
	term.press(ctrlZ)
	require.Eventually(t, func() bool { return term.mode(ansi.ModeTextCursorEnable) }, 10*time.Second, 10*time.Millisecond)
	assert.False(t, term.mode(ansi.ModeAltScreenSaveCursor))
	time.Sleep(200 * time.Millisecond)
	require.NoError(t, term.command.Process.Signal(syscall.SIGCONT))
	require.Eventually(t, func() bool { return term.mode(ansi.ModeAltScreenSaveCursor) }, 10*time.Second, 10*time.Millisecond)
	term.await("1 of 2 pods replaced")
	term.press(ctrlC)
	assert.Equal(t, 130, term.exitCode())
}

// The frame follows the size, also a narrow one: nothing is left of the one before.
func TestResize(t *testing.T) {
	_, kubeconfig := halfway(t)
	term := start(t, kubeconfig, 120, 40, nil, "get", "tomcat", "--watch")
	term.await("namespace shop", "new, 1 of 1 available")
	term.resize(40, 20)
	term.await("new 1/1")
	assert.NotContains(t, term.screen(), "new, 1 of 1 available")
	for _, line := range strings.Split(term.screen(), "\n") {
		assert.LessOrEqual(t, ansi.StringWidth(line), 40)
	}
	term.resize(100, 16)
	term.await("new, 1 of 1 available")
	assert.Contains(t, strings.Split(term.screen(), "\n")[0], "rc/tomcat  Rolling", "it has scrolled")
}

func TestWithoutColours(t *testing.T) {
	_, kubeconfig := halfway(t)
	for name, c := range map[string]struct{ environment, args []string }{
		"NO_COLOR":   {[]string{"NO_COLOR=1"}, nil},
		"--no-color": {nil, []string{"--no-color"}},
	} {
		t.Run(name, func(t *testing.T) {
			term := start(t, kubeconfig, 40, 24, c.environment, append([]string{"get", "tomcat", "--watch"}, c.args...)...)
			term.await("1 of 2 pods replaced", "● tomcat-aaaaa")
			assert.NotRegexp(t, `\x1b\[[0-9;]*m`, term.raw())
		})
	}
}

// A terminal that cannot go back gets lines, one text after the other.
func TestDumbTerminal(t *testing.T) {
	s, kubeconfig := halfway(t)
	term := start(t, kubeconfig, 120, 40, []string{"TERM=dumb"}, "get", "tomcat", "--watch")
	term.await("NAME", "Rolling")
	s.put(successor(2, 1))
	require.Eventually(t, func() bool { return strings.Count(term.raw(), "NAME") == 2 }, 10*time.Second, 10*time.Millisecond)
	assert.NotContains(t, term.raw(), "\x1b")
	term.press(ctrlC)
	assert.Equal(t, 130, term.exitCode())
}

// What a container says cannot do anything to the terminal.
func TestHostileText(t *testing.T) {
	s, kubeconfig := halfway(t)
	bad := pod("tomcat-0123-bbbbb", successor(1, 0), false)
	bad.Object["status"] = map[string]any{"phase": "Running", "containerStatuses": []any{map[string]any{
		"name": "tomcat", "image": "tomcat:8", "imageID": "", "ready": false, "restartCount": int64(1),
		"state":     map[string]any{"waiting": map[string]any{"reason": "CrashLoopBackOff"}},
		"lastState": map[string]any{"terminated": map[string]any{"exitCode": int64(1), "message": "\x1b]0;owned\a\x1b[2Jgone"}}}}}
	s.put(successor(1, 0), bad)
	term := start(t, kubeconfig, 100, 30, nil, "get", "tomcat", "--watch")
	term.await("CrashLoopBackOff: container tomcat exited with code 1", "?[2Jgone")
	assert.NotContains(t, term.raw(), "\x1b]")
}

// A ReplicationController that is deleted ends it with an error, which is read on the
// usual screen.
func TestDeleted(t *testing.T) {
	s, kubeconfig := halfway(t)
	term := start(t, kubeconfig, 80, 24, nil, "get", "tomcat", "--watch")
	term.await("1 of 2 pods replaced")
	s.remove(requesting(1))
	assert.Equal(t, 1, term.exitCode())
	term.await("error: rc/tomcat was deleted")
	assert.True(t, term.mode(ansi.ModeTextCursorEnable))
}
