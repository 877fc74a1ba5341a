// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.20;

import {ERC1155} from "@openzeppelin/contracts-shanghai/token/ERC1155/ERC1155.sol";
import {ERC1155Supply} from "@openzeppelin/contracts-shanghai/token/ERC1155/extensions/ERC1155Supply.sol";
import {IERC165} from "@openzeppelin/contracts-shanghai/utils/introspection/IERC165.sol";
import {Strings} from "@openzeppelin/contracts-shanghai/utils/Strings.sol";
import {IOptimismMintableERC1155} from "./IOptimismMintableERC1155.sol";
import {RemoteURI} from "./RemoteURI.sol";

/// The image, on one chain, of a collection of ERC-1155 tokens at home on the other. Only the bridge mints
/// and burns, against tokens that it keeps there. It counts its supply, so that the two can be compared.
contract OptimismMintableERC1155 is ERC1155Supply, IOptimismMintableERC1155 {
    string public constant version = "1.0.0";

    uint256 public immutable REMOTE_CHAIN_ID;
    address public immutable REMOTE_TOKEN;
    address public immutable BRIDGE;

    /// What wallets show, although ERC-1155 does not ask for it.
    string public name;
    string public symbol;

    string public baseURI;

    modifier onlyBridge() {
        require(msg.sender == BRIDGE, "OptimismMintableERC1155: only bridge can call this function");
        _;
    }

    constructor(
        address _bridge,
        uint256 _remoteChainId,
        address _remoteToken,
        string memory _name,
        string memory _symbol
    ) ERC1155("") {
        REMOTE_CHAIN_ID = _remoteChainId;
        REMOTE_TOKEN = _remoteToken;
        BRIDGE = _bridge;
        name = _name;
        symbol = _symbol;
        baseURI = RemoteURI.ask(_remoteChainId, _remoteToken, "uri");
    }

    function mint(address _to, uint256[] calldata _ids, uint256[] calldata _amounts) external onlyBridge {
        _mintBatch(_to, _ids, _amounts, "");
        emit Mint(_to, _ids, _amounts);
    }

    /// Without an approval: the bridge burns what its own caller holds, never another's.
    function burn(address _from, uint256[] calldata _ids, uint256[] calldata _amounts) external onlyBridge {
        _burnBatch(_from, _ids, _amounts);
        emit Burn(_from, _ids, _amounts);
    }

    function uri(uint256 _id) public view override returns (string memory) {
        return string.concat(baseURI, Strings.toString(_id));
    }

    function supportsInterface(bytes4 _interfaceId) public view override(ERC1155, IERC165) returns (bool) {
        return _interfaceId == type(IOptimismMintableERC1155).interfaceId || super.supportsInterface(_interfaceId);
    }

    function remoteChainId() external view returns (uint256) {
        return REMOTE_CHAIN_ID;
    }

    function remoteToken() external view returns (address) {
        return REMOTE_TOKEN;
    }

    function bridge() external view returns (address) {
        return BRIDGE;
    }
}
