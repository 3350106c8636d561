// Hands the room's model to its components.
import { createContext } from 'preact';
import { useContext } from 'preact/hooks';
import type { RoomModel } from './model';

const Context = createContext<RoomModel | null>(null);

export const RoomProvider = Context.Provider;

export function useRoom(): RoomModel {
  const model = useContext(Context);
  if (!model) throw new Error('no room around this component');
  return model;
}
