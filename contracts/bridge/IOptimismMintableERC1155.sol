// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.20;

import {IERC1155} from "@openzeppelin/contracts-shanghai/token/ERC1155/IERC1155.sol";

/// What a bridge needs of the image of a collection at home on the other chain, after OP's for ERC-721.
interface IOptimismMintableERC1155 is IERC1155 {
    event Mint(address indexed account, uint256[] ids, uint256[] amounts);
    event Burn(address indexed account, uint256[] ids, uint256[] amounts);

    function mint(address _to, uint256[] calldata _ids, uint256[] calldata _amounts) external;

    function burn(address _from, uint256[] calldata _ids, uint256[] calldata _amounts) external;

    function remoteChainId() external view returns (uint256);

    function remoteToken() external view returns (address);

    function bridge() external view returns (address);
}
