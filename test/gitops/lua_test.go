package gitops

import (
	"testing"

	"github.com/stretchr/testify/require"
	lua "github.com/yuin/gopher-lua"
)

// run runs a script with an object as the global obj, and returns what it returns.
func run(t *testing.T, script string, object map[string]any) lua.LValue {
	t.Helper()
	state := lua.NewState()
	t.Cleanup(state.Close)
	state.SetGlobal("obj", toLua(state, object))
	require.NoError(t, state.DoString(script))
	return state.Get(-1)
}

func toLua(state *lua.LState, value any) lua.LValue {
	switch v := value.(type) {
	case map[string]any:
		table := state.NewTable()
		for key, child := range v {
			table.RawSetString(key, toLua(state, child))
		}
		return table
	case []any:
		table := state.NewTable()
		for _, child := range v {
			table.Append(toLua(state, child))
		}
		return table
	case string:
		return lua.LString(v)
	case int64:
		return lua.LNumber(v)
	case bool:
		return lua.LBool(v)
	}
	return lua.LNil
}

func toGo(value lua.LValue) any {
	switch v := value.(type) {
	case *lua.LTable:
		if v.Len() > 0 {
			var list []any
			v.ForEach(func(_, child lua.LValue) { list = append(list, toGo(child)) })
			return list
		}
		object := map[string]any{}
		v.ForEach(func(key, child lua.LValue) { object[key.String()] = toGo(child) })
		return object
	case lua.LString:
		return string(v)
	case lua.LNumber:
		return int64(v)
	case lua.LBool:
		return bool(v)
	}
	return nil
}
